"""Lines to copy from a snapshot's page: those that need no other library are run."""

import pytest
import requests
from django.urls import reverse

from datasets import using
from labeling.models import Image
from tests.factories import freeze_all, make_settled_collection, make_snapshot

NAMES = ["manifest.parquet", "folders.zip", "imagefolder/train.zip", "imagefolder/validation.zip"]


def url_of(name):
    return f"https://nest.example/collections/train-birds/snapshots/2/files/{name}"


def text_of(names, title):
    return next(each.text for each in using.lines(names, url_of) if title in each.title)


def test_the_parts_that_are_there_are_loaded_with_two_statements():
    assert text_of(NAMES, "Hugging Face") == (
        "from datasets import load_dataset\n"
        'pictures = load_dataset("imagefolder", data_files={\n'
        f'    "train": "{url_of("imagefolder/train.zip")}",\n'
        f'    "validation": "{url_of("imagefolder/validation.zip")}",\n'
        "})"
    )


def test_one_shard_is_named_and_several_by_their_numbers():
    one = text_of(["webdataset/train-000000.tar", "webdataset/test-000000.tar"], "WebDataset")
    several = text_of([f"webdataset/train-{n:06}.tar" for n in range(12)], "WebDataset")

    assert f'"{url_of("webdataset/train-000000.tar")}"' in one
    assert f'"{url_of("webdataset/train-{000000..000011}.tar")}"' in several


def test_without_archives_the_manifest_alone_is_fetched():
    titles = [each.title for each in using.lines(["manifest.parquet"], url_of)]

    assert titles == ["The labels alone, with pandas and pyarrow", "In a shell, with the checksums"]
    assert url_of("manifest.parquet") in text_of(["manifest.parquet"], "In a shell")


@pytest.mark.django_db
def test_names_are_plain_in_bibtex():
    snapshot = make_snapshot(n_questions=10)
    snapshot.collection.name = r"Cats & {dogs} \ 100 %"

    assert r"title = {{Cats \& dogs  100 \%, snapshot 1}}" in using.bibtex(snapshot, "https://nest.example/")


class Answer:
    """What `requests` would return for an answer of the site that is tested."""

    def __init__(self, answer):
        self.status_code, self.content = answer.status_code, answer.getvalue()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def raise_for_status(self):
        assert self.status_code < 400

    def iter_content(self, size):
        return (self.content[place : place + size] for place in range(0, len(self.content), size))


@pytest.fixture
def fetched(client, monkeypatch):
    """Have `requests` fetch from the site that is tested; what one asks for can be swapped for something else."""
    swapped = {}

    def get(url, headers=None, **_how):
        return Answer(
            client.get(swapped.get(url, url).removeprefix("http://testserver"), headers=headers or {})
        )

    monkeypatch.setattr(requests, "get", get)
    return swapped


def local(snapshot):
    at = [snapshot.collection.slug, snapshot.number]
    return lambda name: "http://testserver" + reverse("datasets:file", args=[*at, name])


def run(program):
    exec(program, {})


@pytest.mark.django_db
def test_the_program_on_the_page_proves_the_digest(fetched, capsys):
    snapshot = freeze_all(make_settled_collection(20), with_votes=True)
    for split in ("train", "test"):
        Image.objects.filter(split=split).first().withdraw()

    run(using.proof(snapshot, local(snapshot)))

    assert capsys.readouterr().out == "20 rows are those that were frozen.\n"


@pytest.mark.django_db
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_program_on_the_page_finds_out_where_a_label_is_another(fetched, split):
    collection = make_settled_collection(10)
    first = freeze_all(collection)
    cat, dog = collection.ordered_classes()
    question = collection.questions.filter(image__split=split).first()
    other = dog if question.label == cat else cat
    collection.questions.filter(pk=question.pk).update(label=other)
    second = freeze_all(collection)
    run(using.proof(second, local(second)))

    fetched[local(second)("manifest.parquet")] = local(first)("manifest.parquet")

    with pytest.raises(AssertionError):
        run(using.proof(second, local(second)))


@pytest.mark.django_db
@pytest.mark.parametrize("share_there", [0, 0.5, 1])
def test_the_program_on_the_page_goes_on_where_a_download_broke_off(
    client, fetched, tmp_path, monkeypatch, share_there
):
    snapshot = make_snapshot(n_questions=10)
    whole = client.get(local(snapshot)("folders.zip")).getvalue()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folders.zip").write_bytes(whole[: int(share_there * len(whole))])

    run(next(each.text for each in using.lines(["folders.zip"], local(snapshot)) if "Python" in each.title))

    assert (tmp_path / "folders.zip").read_bytes() == whole
