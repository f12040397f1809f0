"""Files that were made to break scoring: each ends in one clear sentence, and the worker scores the next entry."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from accounts.models import ApiToken
from competition.models import Score, Submission
from competition.scoring import score_queued
from labeling.splits import TEST
from tests.factories import make_phase, make_snapshot, make_user

pytestmark = pytest.mark.django_db

BODY = "multipart/form-data; boundary=x"


class Code:
    """What a pickle would run."""

    def __reduce__(self):
        return print, ("owned",)


def hand_in(phase, data, name="predictions.csv"):
    return Submission.objects.submit(phase, make_user(), "hostile", ContentFile(data, name))


@pytest.fixture
def rows(snapshot):
    """One guess for each test picture, as lines."""
    return [f"{row.sha256},{row.wnid}" for row in snapshot.rows() if row.split == TEST]


@pytest.fixture
def refused(phase, predictions, capfd):
    """Hand in `data` and a good entry after it, and return the sentence that the first one ends in."""

    def refused(data, name="predictions.csv"):
        bad = hand_in(phase, data, name)
        good = Submission.objects.submit(phase, make_user(), "good", predictions())
        assert score_queued() == 2
        bad.refresh_from_db()
        good.refresh_from_db()
        assert (bad.status, good.status) == ("failed", "scored")
        assert not Score.objects.filter(submission=bad).exists()
        assert bad.answers.name == ""
        assert "owned" not in capfd.readouterr().out
        assert bad.error.endswith(".")
        return bad.error

    return refused


def csv(*lines, header="image,guess_1"):
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


@pytest.mark.parametrize("name", ["guesses.csv", "guesses.npy", "network.onnx", "../../etc/passwd"])
def test_a_pickle_is_refused_by_its_first_bytes_whatever_it_is_called(refused, name):
    assert refused(pickle.dumps(Code()), name) == (
        "Expected CSV, JSON lines or .npy; found a pickle, which is code."
    )


def test_a_pickle_of_text_is_refused_too(refused):
    assert refused(pickle.dumps(Code(), protocol=0)).startswith("Line 1: expected the header")


def test_a_pickle_inside_an_array_is_refused_unread(refused):
    file = io.BytesIO()
    np.save(file, np.array([[Code()]], object), allow_pickle=True)

    assert "one of Python objects, which are code" in refused(file.getvalue(), "guesses.npy")


def test_a_zip_is_refused_unopened(refused, rows):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("predictions.csv", csv(*rows))

    assert "found a zip archive" in refused(file.getvalue())


@pytest.mark.parametrize("share", ["nan", "inf", "-inf", "1e999", "-1", "2"])
def test_what_is_no_probability_is_refused(refused, rows, share):
    lines = [f"{rows[0]},{share}", *(f"{row},1" for row in rows[1:])]

    assert refused(csv(*lines, header="image,guess_1,probability_1")).startswith(
        "Line 2: expected a probability from 0 to 1; found "
    )


def test_a_picture_that_comes_twice_is_refused(refused, rows):
    assert "came in line 2 already" in refused(csv(*rows, rows[0]))


def test_a_picture_that_is_missing_is_refused(refused, rows):
    assert refused(csv(*rows[1:])).startswith(
        "Expected a row for each of 4 test pictures; 1 are missing, the first is "
    )


def test_another_contests_pictures_are_refused(refused):
    other = make_phase(make_snapshot(n_questions=20)).contest.snapshot
    theirs = [f"{row.sha256},{row.wnid}" for row in other.rows() if row.split == TEST]

    message = refused(csv(*theirs))

    assert message.count("expected the SHA-256 of a test picture of this contest; found") == 4
    assert message.count("expected the wnid of a class or of a noun above it; found") == 4


@pytest.mark.parametrize(
    "cell", ["=cmd|' /C calc'!A0", '=HYPERLINK("http://evil/","x")', "+1+1", "-1+1", "@SUM(1)"]
)
def test_a_formula_is_no_noun_and_is_told_between_quotes(refused, rows, cell):
    sha256 = rows[0].split(",")[0]
    quoted = '"' + cell.replace('"', '""') + '"'

    message = refused(csv(f"{sha256},{quoted}", *rows[1:]))

    assert message == f"Line 2: expected the wnid of a class or of a noun above it; found {cell!r}."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_ways_to_write_text_are_refused(refused, rows, encoding):
    assert "found UTF-16" in refused(csv(*rows).decode().encode(encoding))


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf%s", b"%s\r\n"])
def test_a_byte_order_mark_and_the_ends_of_lines_of_windows_are_taken(phase, rows, data):
    good = hand_in(phase, data.replace(b"%s", csv(*rows).replace(b"\n", b"\r\n")))

    score_queued()

    assert Score.objects.filter(submission=good, metric="top1_error", value=0).exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "found an empty file"),
        (b"\0" * 10_000, "found UTF-16 or no text"),
        (b"\n" * 100_000, "Line 1: expected the header"),
        (b"image,guess_1\n" + b"\n" * 1_000_000, "lines at most; found more, and read no further"),
        (b"image,guess_1\n" + b"x" * 10_000_000, "Line 2: expected 1000 bytes at most; found more"),
        (b'image,guess_1\n"' + b"x\n" * 1_000_000, "and read no further"),
        (b"{" * 900, "Line 1: expected an object of JSON in each line"),
        (b'{"image": ' + b"[" * 900, "Line 1: expected an object of JSON in each line"),
        (b"[" * 900 + b"]" * 90, "Line 1: expected an object of JSON in each line"),
        (b"<html>", "Line 1: expected the header"),
        (b"\x89PNG\r\n\x1a\n", "Line 1: expected the header"),
    ],
)
def test_files_of_anything_end_in_a_sentence(refused, data, why):
    message = refused(data)

    assert why in message
    assert len(message) < 5000


def test_an_array_that_promises_more_than_it_has_is_refused_before_anything_is_made(refused):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 10000000000)}".ljust(117) + "\n"

    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()

    assert refused(data) == "Expected 320000000000 bytes after the header, as it says; found 0."


def test_a_sentence_tells_nothing_of_hidden_labels(refused, rows, snapshot):
    wrong = [f"{row.split(',')[0]},{wnid}" for row in rows for wnid in ("x",)]

    message = refused(csv(*wrong))

    assert not any(wnid in message for wnid in snapshot.classes)


GIB = 2**30


@pytest.mark.parametrize(("n_bytes", "most"), [(5 * GIB, "2,048"), (GIB + 1, "1,024")])
def test_an_upload_that_is_too_large_is_refused_unread(client, phase, n_bytes, most):
    client.force_login(make_user())
    url = reverse("competition:submit", args=[phase.contest.slug])

    response = client.generic("POST", url, b"", BODY, CONTENT_LENGTH=str(n_bytes))

    assert response.status_code == 413
    assert response.json()["detail"].startswith(f"Expected at most {most} MiB; found ")


def test_so_it_is_by_program(client, phase):
    _token, secret = ApiToken.objects.create(user=make_user(), name="a script")
    said = {"CONTENT_LENGTH": str(2 * GIB), "HTTP_AUTHORIZATION": f"Bearer {secret}"}

    response = client.generic("POST", "/api/submissions/", b"", BODY, **said)

    assert response.status_code == 413
    assert response.json()["detail"] == "Expected at most 1,024 MiB; found 2,048.0 MiB."


@pytest.mark.parametrize(("n_bytes", "is_taken"), [(2**19, True), (2**20, False)])
def test_what_is_too_large_for_an_entry_is_a_setting(client, phase, predictions, settings, n_bytes, is_taken):
    settings.UPLOAD_MAX_MIB_OF = {"competition:submit": 1}
    client.force_login(make_user())
    file = ContentFile(predictions().read() + b"\n" * n_bytes, "predictions.csv")

    client.post(reverse("competition:submit", args=[phase.contest.slug]), {"method": "a guess", "file": file})

    assert Submission.objects.exists() is is_taken
