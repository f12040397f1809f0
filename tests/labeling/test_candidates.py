"""Which nouns pictures are asked about, in collections that verify: by metadata, by folder, or all."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from labeling import receiving
from labeling.candidates import Candidates, NoCandidateError
from labeling.intake import IncomingPicture, Status, take_in
from labeling.models import Collection, Question
from taxonomy.importing import import_synsets
from taxonomy.models import Synset
from tests.factories import make_collection, make_picture, make_record, make_synset, make_user

pytestmark = pytest.mark.django_db

MANY = tuple(f"noun {number}" for number in range(11))


def make_verifying(*names: str, **fields) -> Collection:
    return make_collection(0, names or ("cat", "dog"), kind=Collection.Kind.VERIFY, **fields)


def asked() -> list[tuple[str, int]]:
    """Which noun is asked about how many pictures."""
    names = list(Question.objects.order_by("about__name").values_list("about__name", flat=True))
    return sorted({(name, names.count(name)) for name in names})


def take(collection: Collection, *pictures: IncomingPicture):
    return list(take_in(collection, pictures, source="a test"))


# --- Folders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["dog", "Dog", "dog.n.01", "{wnid}"])
def test_a_folder_named_as_a_noun_says_what_its_pictures_are_asked_about(folder):
    collection = make_verifying()
    _cat, dog = collection.ordered_classes()

    take(collection, IncomingPicture("a.png", make_picture(), folder=folder.format(wnid=dog.wnid)))

    assert asked() == [("dog", 1)]


def test_a_folder_may_write_a_space_as_a_line():
    collection = make_verifying("polar bear", "dog")

    assert [noun.name for noun in Candidates(collection).of_folder("polar_bear")] == ["polar bear"]
    assert [noun.name for noun in Candidates(collection).of_folder("polar_bear.n.01")] == ["polar bear"]


def test_a_name_that_two_nouns_share_names_neither():
    root = make_synset("thing")
    records = [make_record(f"t9{sense}", "crane", root.wnid, sense=sense) for sense in (1, 2)]
    import_synsets(records, reason="a test")
    collection = make_verifying()
    collection.set_classes(Synset.objects.filter(name="crane").order_by("wnid"))

    candidates = Candidates(collection)

    assert len(candidates.of_folder("crane")) == 2
    assert [noun.wnid for noun in candidates.of_folder("crane.n.02")] == ["t92"]
    with pytest.raises(NoCandidateError, match=r"expected a noun of .*; found 'crane'"):
        candidates.named("crane")


def test_without_such_a_folder_a_picture_is_asked_about_every_noun_of_a_few():
    take(make_verifying(), IncomingPicture("a.png", make_picture(), folder="holidays"))

    assert asked() == [("cat", 1), ("dog", 1)]


@pytest.mark.parametrize(("folder", "found"), [("", "no folder"), ("holidays", "the folder 'holidays'")])
def test_with_many_nouns_a_picture_without_one_is_refused_and_not_kept(folder, found):
    collection = make_verifying(*MANY)

    good, bad = take(
        collection,
        IncomingPicture("a.png", make_picture(), folder="noun_3"),
        IncomingPicture("b.png", make_picture(), folder=folder),
    )

    assert (good.status, bad.status) == (Status.ADDED, Status.REFUSED)
    assert bad.why == (
        f"Expected a folder named as one of the 11 nouns of {collection}, or a row of the metadata that says about "
        f"which the picture is asked; found {found}."
    )
    assert asked() == [("noun 3", 1)]


def test_one_picture_in_two_folders_is_asked_about_both_nouns():
    data = make_picture()

    outcomes = take(
        make_verifying(*MANY),
        IncomingPicture("noun_1/a.png", data, folder="noun_1"),
        IncomingPicture("noun_2/a.png", data, folder="noun_2"),
        IncomingPicture("noun_2/b.png", data, folder="noun_2"),
    )

    assert [outcome.status for outcome in outcomes] == [Status.ADDED, Status.ADDED, Status.THERE]
    assert asked() == [("noun 1", 1), ("noun 2", 1)]
    assert outcomes[0].sha256 == outcomes[1].sha256


def test_bringing_a_picture_again_for_another_noun_asks_about_that_too():
    collection = make_verifying(*MANY)
    data = make_picture()
    take(collection, IncomingPicture("a.png", data, folder="noun_1"))

    [again] = take(collection, IncomingPicture("a.png", data, folder="noun_2"))

    assert again.status == Status.ADDED
    assert asked() == [("noun 1", 1), ("noun 2", 1)]


def test_a_folder_says_nothing_where_nouns_are_chosen_among():
    collection = make_collection()

    take(collection, IncomingPicture("a.png", make_picture(), folder="dog"))

    assert Question.objects.get().about is None


def test_a_sensitive_noun_is_no_candidate():
    collection = make_verifying()
    cat, _dog = collection.ordered_classes()
    Synset.objects.filter(pk=cat.pk).update(is_sensitive=True, sensitive_reason="a test")

    take(collection, IncomingPicture("a.png", make_picture()))

    assert asked() == [("dog", 1)]


# --- Known answers -----------------------------------------------------------------------------------------


def test_who_is_known_to_show_a_kind_of_a_noun_is_known_to_show_that_noun():
    collection = make_verifying()
    cat, dog = collection.ordered_classes()
    tabby = make_synset("tabby", cat)

    take(collection, IncomingPicture("a.png", make_picture(), truth=tabby))

    truths = dict(Question.objects.values_list("about", "truth"))
    assert truths == {cat.pk: cat.pk, dog.pk: tabby.pk}


# --- The command -------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two pictures of noun 1, one of noun 2 and one in no such folder."""
    for name in ("noun_1/a.png", "noun_1/b.png", "more/noun_2/c.png", "d.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_picture())
    return tmp_path / "photos"


def metadata(folder: Path, *rows: tuple[str, str]) -> str:
    path = folder.parent / "known.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "about"), *rows])
    return str(path)


def ingest(path: Path, collection: Collection, *options: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "ingest",
        str(path),
        "--collection",
        collection.slug,
        "--processes",
        "1",
        *options,
        stdout=out,
        stderr=err,
    )
    return out.getvalue(), err.getvalue()


def test_folders_within_a_folder_name_the_nouns(folder):
    out, err = ingest(folder, make_verifying(*MANY))

    assert out.startswith("3 pictures added")
    assert "d.png: Expected a folder named as one of the 11 nouns" in err
    assert asked() == [("noun 1", 2), ("noun 2", 1)]


def test_the_folder_that_is_taken_in_may_itself_be_named_as_a_noun(folder):
    ingest(folder / "noun_1", make_verifying(*MANY))

    assert asked() == [("noun 1", 2)]


def test_metadata_names_one_noun_or_several_and_counts_more_than_the_folder(folder):
    collection = make_verifying(*MANY)
    wnid = collection.ordered_classes()[5].wnid
    known = metadata(folder, ("d.png", f"noun_4.n.01; {wnid}"), ("noun_1/a.png", "noun 7"))

    ingest(folder, collection, "--metadata", known)

    assert asked() == [("noun 1", 1), ("noun 2", 1), ("noun 4", 1), ("noun 5", 1), ("noun 7", 1)]


def test_metadata_with_another_noun_is_refused_with_its_line_and_nothing_is_taken_in(folder):
    collection = make_verifying(*MANY)
    known = metadata(folder, ("noun_1/a.png", "noun 7"), ("d.png", "noun 3;eel"))

    with pytest.raises(CommandError, match=f"Metadata line 3: expected a noun of {collection}; found 'eel'."):
        ingest(folder, collection, "--metadata", known)

    assert asked() == []


def test_metadata_that_names_nouns_where_they_are_chosen_among_is_refused(folder):
    collection = make_collection()
    known = metadata(folder, ("d.png", "cat"))

    with pytest.raises(CommandError, match="Metadata line 2: expected nothing in the column about"):
        ingest(folder, collection, "--metadata", known)


# --- The page and the API ----------------------------------------------------------------------------------


def zipped(**members: bytes) -> SimpleUploadedFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".png", data)
    return SimpleUploadedFile("photos.zip", file.getvalue())


@pytest.fixture
def owned(client) -> Collection:
    owner = make_user()
    client.force_login(owner)
    return make_verifying(*MANY, owner=owner)


def send(client, collection: Collection, *files: SimpleUploadedFile, **about: str) -> dict:
    response = client.post(f"/api/collections/{collection.slug}/pictures/", {"files": files, **about})
    assert response.status_code in (200, 202), response.content
    return response.json()


def test_folders_of_an_archive_that_is_sent_name_the_nouns(client, owned):
    sent = zipped(noun_1__a=make_picture(), noun_2__b=make_picture(), c=make_picture())
    waiting = send(client, owned, sent)
    receiving.take_in_waiting()

    answer = client.get(waiting["url"]).json()
    assert (answer["n_added"], answer["n_refused"]) == (2, 1)
    assert answer["files"][0]["detail"].endswith("found no folder.")
    assert asked() == [("noun 1", 1), ("noun 2", 1)]


def test_the_folder_of_a_picture_that_is_sent_alone_is_said_beside_it(client, owned):
    send(client, owned, SimpleUploadedFile("a.png", make_picture()), folder="noun_6")

    assert asked() == [("noun 6", 1)]


def test_the_page_asks_for_the_noun_of_collections_that_verify_alone(client, owned):
    other = make_collection(owner=owned.owner)
    pages = [client.get(reverse("labeling:pictures", args=[each.slug])) for each in (owned, other)]

    assert [b'name="folder"' in page.content for page in pages] == [True, False]
    response = client.post(
        reverse("labeling:pictures", args=[owned.slug]),
        {"files": SimpleUploadedFile("a.png", make_picture()), "folder": "noun 6"},
    )
    assert response.context["report"]["counts"]["n_added"] == 1
    assert response.context["n_pictures"] == 1
    assert asked() == [("noun 6", 1)]
