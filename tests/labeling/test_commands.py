"""import_votes and update_consensus, as somebody at a terminal uses them."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from labeling import importing
from labeling.models import Collection, ConsensusFit, Question, Refit, Vote
from tests.factories import make_collection, make_picture, make_synset, make_vote

pytestmark = pytest.mark.django_db

PEOPLE = (7, 8, 9)
LABELS = "image,label,code\n0,cat,3\n1,dog,5\n2,cat,3\n"
# Everybody names every picture rightly, by its class' name or its code.
VOTES = "annotator,image,label\n" + "".join(f"{a},0,cat\n{a},1,5\n{a},2,cat\n" for a in PEOPLE)


class Folder:
    """A small dataset on disk, and the command that imports it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.labels, self.votes, self.pictures = "labels.csv", "votes.csv", "pictures.zip"
        self.write(self.labels, LABELS)
        self.write(self.votes, VOTES)
        self.zip({f"images/{i:05}.png": make_picture(i) for i in range(3)})

    def write(self, name: str, content: str | bytes) -> None:
        (self.path / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def zip(self, members: dict[str, bytes]) -> None:
        with zipfile.ZipFile(self.path / self.pictures, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    def import_votes(self, *options: str) -> tuple[str, str]:
        """Run the command; return what it wrote to stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        call_command(
            "import_votes", "--collection", "pets",
            "--pictures", str(self.path / self.pictures),
            "--labels", str(self.path / self.labels),
            "--votes", str(self.path / self.votes),
            *options, stdout=out, stderr=err,
        )  # fmt: skip
        return out.getvalue(), err.getvalue()

    def refusal(self, *options: str) -> str:
        with pytest.raises(CommandError) as refusal:
            self.import_votes(*options)
        return str(refusal.value)


@pytest.fixture
def folder(tmp_path):
    pet = make_synset("pet")
    for name in ("cat", "dog"):
        make_synset(name, pet)
    return Folder(tmp_path)


# import_votes: what goes in


def test_pictures_classes_and_votes_come_in_and_the_consensus_is_told(folder):
    out, err = folder.import_votes()

    assert out.splitlines() == [
        "3 pictures added, 0 refused.",
        "9 votes added.",
        "9 votes on 3 questions; 3 settled.",
        "Right against 3 known answers: consensus 100.00%, majority 100.00%.",
    ]
    assert err == ""


def test_what_comes_in_while_the_collection_is_being_refitted_is_kept_and_said_not_to_be_refitted(folder):
    folder.import_votes("--limit", "1")
    running = Refit.objects.enqueue(Collection.objects.get(), Refit.Cause.GROWTH)
    Refit.objects.claim(running.pk)

    out, _err = folder.import_votes()

    assert Vote.objects.count() == 9
    assert f"found that refit {running.pk} is running" in out
    assert ConsensusFit.objects.count() == 1


def test_the_collection_stands_under_the_noun_that_its_classes_share(folder):
    folder.import_votes()

    collection = Collection.objects.get(slug="pets")
    assert (collection.root.name, collection.is_open) == ("pet", False)
    assert [synset.name for synset in collection.ordered_classes()] == ["cat", "dog"]


def test_known_answers_are_kept_beside_the_questions(folder):
    folder.import_votes()

    assert sorted(Question.objects.values_list("truth__name", flat=True)) == ["cat", "cat", "dog"]


def test_annotators_come_in_as_imported_users_and_their_votes_have_no_lease(folder):
    folder.import_votes()

    names = User.objects.filter(kind=User.Kind.IMPORTED).values_list("username", flat=True)
    assert sorted(names) == ["pets-7", "pets-8", "pets-9"]
    assert set(Vote.objects.values_list("lease_number", flat=True)) == {None}


def test_each_questions_count_equals_its_votes(folder):
    folder.write(folder.votes, VOTES + "6,0,dog\n")

    folder.import_votes()

    counts = {question.n_votes: question.votes.count() for question in Question.objects.all()}
    assert counts == {3: 3, 4: 4}


def test_compressed_files_come_in_the_same(folder):
    folder.labels, folder.votes = "labels.csv.gz", "votes.csv.gz"
    folder.write(folder.labels, gzip.compress(LABELS.encode()))
    folder.write(folder.votes, gzip.compress(VOTES.encode()))

    out, _err = folder.import_votes()

    assert "9 votes added." in out


def test_importing_again_adds_nothing(folder):
    folder.import_votes()

    out, _err = folder.import_votes()

    assert out.splitlines()[:2] == ["0 pictures added, 0 refused.", "0 votes added."]
    assert Vote.objects.count() == 9


def test_a_limit_takes_the_first_pictures_and_their_votes_alone(folder):
    out, _err = folder.import_votes("--limit", "2")

    assert out.splitlines()[:2] == ["2 pictures added, 0 refused.", "6 votes added."]


def test_without_the_limit_an_import_goes_on(folder):
    folder.import_votes("--limit", "2")

    out, _err = folder.import_votes()

    assert out.splitlines()[:2] == ["1 pictures added, 0 refused.", "3 votes added."]


@pytest.mark.parametrize("name", ["house cat", "house_cat.n.01"])
def test_a_class_may_be_given_another_noun(folder, name):
    make_synset("house cat", make_synset("feline"))

    folder.import_votes("--class", f"cat={name}")

    names = Collection.objects.get().classes.values_list("name", flat=True)
    assert set(names) == {"house cat", "dog"}


def test_a_broken_picture_is_reported_and_its_votes_are_passed_over(folder):
    folder.zip({"0.png": make_picture(0), "1.png": b"no picture", "2.png": make_picture(2)})

    out, err = folder.import_votes()

    assert err.startswith("1: Expected a JPEG, PNG or WebP picture; found bytes that begin b'no picture'.")
    assert out.splitlines()[:2] == ["2 pictures added, 1 refused.", "6 votes added."]


# import_votes: what is refused


@pytest.mark.parametrize("part", ["labels", "votes", "pictures"])
def test_a_missing_file_is_refused_by_its_name(folder, part):
    setattr(folder, part, "nowhere")

    assert folder.refusal() == f"{folder.path / 'nowhere'} is not a file."
    assert not Collection.objects.exists()


def test_a_folder_is_no_file(folder):
    folder.pictures = "."

    assert folder.refusal() == f"{folder.path} is not a file."


def test_a_synset_that_the_taxonomy_lacks_is_refused_with_its_line(folder):
    folder.write(folder.labels, LABELS + "3,chimera,9\n")

    assert folder.refusal().startswith(
        "Labels file line 5: Expected the wnid, sense name or lemma of a noun in the taxonomy; found 'chimera'."
    )
    assert not Collection.objects.exists()


def test_an_unknown_noun_of_the_class_option_is_refused(folder):
    assert "found 'chimera'" in folder.refusal("--class", "cat=chimera")


def test_a_class_option_without_a_noun_is_refused(folder):
    assert folder.refusal("--class", "cat") == "--class: expected NAME=SYNSET; found 'cat'."


@pytest.mark.parametrize("limit", ["-1", "0"])
def test_a_limit_of_no_pictures_is_refused(folder, limit):
    assert folder.refusal("--limit", limit) == f"--limit: expected 1 or more; found {limit}."
    assert not Collection.objects.exists()


def test_a_limit_of_one_picture_is_enough(folder):
    out, _err = folder.import_votes("--limit", "1")

    assert out.splitlines()[:2] == ["1 pictures added, 0 refused.", "3 votes added."]


def test_a_picture_that_the_archive_lacks_is_refused_with_its_line(folder):
    folder.zip({"0.png": make_picture(0)})

    assert folder.refusal().startswith(
        "Labels file line 3: expected a picture of the archive; found '1'. What came before it is kept;"
    )


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("6,99,cat", "expected a picture of the labels file; found '99'."),
        ("6,0,bird", "expected a class of the labels file; found 'bird'."),
        (
            "7,0,dog",
            "expected one vote of each annotator on a picture; found a second one of annotator 7 on 0.",
        ),
    ],
)
def test_a_bad_vote_is_refused_with_its_line_and_nothing_of_its_batch_is_kept(folder, row, sentence):
    folder.write(folder.votes, VOTES + row + "\n")

    assert folder.refusal().startswith(f"Votes file line 11: {sentence}")
    assert not Vote.objects.exists()
    assert Question.objects.count() == 3


def test_batches_before_a_bad_vote_stay_and_the_import_goes_on_once_it_is_mended(folder, monkeypatch):
    monkeypatch.setattr(importing, "VOTE_BATCH", 4)
    folder.write(folder.votes, VOTES + "6,0,bird\n")
    assert folder.refusal().endswith("What came before it is kept; run the command again to go on.")
    assert Vote.objects.count() == 8

    folder.write(folder.votes, VOTES)
    out, _err = folder.import_votes()

    assert "1 votes added." in out


def test_a_row_that_is_cut_off_is_refused_with_its_line(folder):
    folder.write(folder.votes, VOTES + "6,0")

    assert folder.refusal().startswith("votes.csv line 11: expected 3 columns; found 2.")


def test_a_wrong_header_is_refused(folder):
    folder.write(folder.votes, "who,image,label\n7,0,cat\n")

    assert folder.refusal().startswith(
        "votes.csv line 1: expected a column annotator or annotator_id; found who,image,label."
    )


def test_a_truncated_zip_is_refused(folder):
    whole = (folder.path / folder.pictures).read_bytes()
    folder.write(folder.pictures, whole[: len(whole) // 2])

    assert folder.refusal().startswith("pictures.zip: expected a whole zip archive; found File is not a zip")
    assert not Collection.objects.exists()


def test_a_truncated_gzip_is_refused(folder):
    folder.votes = "votes.csv.gz"
    packed = gzip.compress(VOTES.encode())
    folder.write(folder.votes, packed[:-12])

    assert "votes.csv.gz after line" in (refusal := folder.refusal())
    assert "expected UTF-8 CSV to the end; found Compressed file ended" in refusal


def test_a_collection_of_other_classes_is_refused(folder):
    make_collection(names=("stone",), n_questions=0)
    Collection.objects.update(slug="pets")

    assert folder.refusal().startswith("Collection pets: expected one with the classes of the labels file")


# update_consensus


def test_a_collection_is_refitted_and_its_findings_are_told():
    collection = make_collection(n_questions=1, min_votes=2)
    cat = collection.ordered_classes()[0]
    Question.objects.update(truth=cat)
    for _ in range(2):
        make_vote(collection, cat)
    out = io.StringIO()

    call_command("update_consensus", collection.slug, stdout=out)

    first, second, took = out.getvalue().splitlines()
    assert first.startswith("2 votes on 1 questions;")
    assert second == "Right against 1 known answers: consensus 100.00%, majority 100.00%."
    assert took.startswith("Took ")
    assert ConsensusFit.objects.get().n_votes == 2


def test_without_known_answers_nothing_is_said_of_accuracy():
    collection = make_collection(n_questions=1)
    make_vote(collection, None)
    out = io.StringIO()

    call_command("update_consensus", collection.slug, stdout=out)

    assert len(out.getvalue().splitlines()) == 2
    assert "known answers" not in out.getvalue()


def test_a_collection_that_does_not_exist_is_refused_by_its_name():
    with pytest.raises(CommandError, match="There is no collection 'none'"):
        call_command("update_consensus", "none")
