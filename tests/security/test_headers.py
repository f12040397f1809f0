"""What answers tell the browser they may do; see config/headers.py."""

import pytest

from config.headers import FILE, PAGE
from tests.secrecy.walking import addresses
from tests.security.asking import Asker

pytestmark = pytest.mark.django_db
# What is shown in a page or by itself. All that else is sent is saved.
SHOWN = {"image/png", "image/jpeg", "image/webp"}
# Answers to programs, and parts that are made for one request: no files.
TOLD = {"application/json", "text/plain", "application/vnd.oai.openapi"}


@pytest.fixture(scope="module")
def answers(stage):
    """What every address answers to GET, to somebody who may see it: its name, the status and the headers."""
    asker, found = Asker(stage), []
    for address in addresses(stage.world, stage):
        role = "team" if address.name == "competition:submission-file" else "super"
        with asker.ask(role, "GET", address) as response:
            found.append((address.name, response.status_code, dict(response.headers)))
    return found


def media_type(headers):
    return headers.get("Content-Type", "").partition(";")[0]


def test_every_answer_is_taken_for_what_it_says_it_is(answers):
    assert {
        name for name, _status, headers in answers if headers.get("X-Content-Type-Options") != "nosniff"
    } == set()


def test_a_page_may_load_what_pages_do_and_anything_else_nothing(answers):
    wrong = {
        name
        for name, _status, headers in answers
        if headers["Content-Security-Policy"] != (PAGE if media_type(headers) == "text/html" else FILE)
    }

    assert wrong == set()


def test_every_file_is_saved_unless_it_is_a_picture_that_was_checked(answers):
    files = {
        name: headers
        for name, status, headers in answers
        if status == 200 and media_type(headers) not in {"text/html"} | SHOWN
    }

    shown = {
        name
        for name, headers in files.items()
        if not headers.get("Content-Disposition", "").startswith("attachment;")
    }
    assert {name for name in shown if media_type(files[name]) not in TOLD} == {"api-docs"} & shown
    assert {
        "datasets:file", "competition:starter-kit", "training:weights", "training:onnx", "run-explanation-file",
        "competition:submission-file", "competition:leaderboard-csv", "competition:leaderboard-json",
        "accounts:export", "training:history-csv", "training:answers-file",
    } <= files.keys() - shown  # fmt: skip


def test_every_picture_says_what_it_was_checked_to_be(answers):
    pictures = {
        name: headers for name, status, headers in answers if status == 200 and media_type(headers) in SHOWN
    }

    assert {
        "labeling:picture", "labeling:display", "labeling:thumbnail", "training:drawing", "training:why-drawn",
    } == pictures.keys()  # fmt: skip
    for name, headers in pictures.items():
        assert "public" in headers["Cache-Control"], name
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin", name


def test_a_picture_that_is_named_by_its_hash_is_not_asked_for_again(answers):
    stored = [
        headers for name, status, headers in answers if name.startswith("labeling:picture") and status == 200
    ]

    assert stored
    assert all("immutable" in headers["Cache-Control"] for headers in stored if media_type(headers) in SHOWN)


def test_what_is_no_picture_is_read_by_pages_of_this_site_alone(answers):
    told = {
        headers["Cross-Origin-Resource-Policy"]
        for _n, _s, headers in answers
        if media_type(headers) not in SHOWN
    }

    assert told == {"same-origin"}
