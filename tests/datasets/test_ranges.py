import logging
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.virtual import Made, Text, VirtualFile
from datasets.ranges import UnsatisfiableRangeError, byte_range, ranged_response

DATA = b"0123456789"
ETAG = '"abc"'
MODIFIED = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
AT = "Thu, 26 Nov 2026 18:00:00 GMT"


def answer(method="GET", body=None, close=lambda: None, **headers):
    request = RequestFactory().generic(
        method, "/", headers={name.replace("_", "-"): x for name, x in headers.items()}
    )
    return ranged_response(
        request,
        body or VirtualFile([Text(DATA[:4]), Text(DATA[4:])]),
        content_type="application/zip",
        etag=ETAG,
        filename="cats.zip",
        last_modified=MODIFIED,
        close=close,
    )


def sent(response):
    return b"".join(response) if response.streaming else response.content


def test_the_whole_file_says_what_it_is_and_that_ranges_may_be_asked_for():
    response = answer()

    assert response.status_code == 200
    assert sent(response) == DATA
    assert dict(response.items()) == {
        "Content-Type": "application/zip",
        "ETag": ETAG,
        "Accept-Ranges": "bytes",
        "Content-Disposition": 'attachment; filename="cats.zip"',
        "Last-Modified": AT,
        "Content-Length": "10",
    }


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=3-", 3, 10),
        ("bytes=-3", 7, 10),
        ("bytes=9-9", 9, 10),
        ("bytes=5-99", 5, 10),
        ("BYTES= 5-6 ", 5, 7),
    ],
)
def test_a_range_is_sent_alone(asked, start, stop):
    response = answer(Range=asked)

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/10"
    assert response["Content-Length"] == str(stop - start)
    assert sent(response) == DATA[start:stop]


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,4-5",
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "bytes",
        "lines=0-3",
        "bytes=٣-",
        "bytes=" + "9" * 99 + "-",
    ],
)
def test_several_ranges_or_none_get_the_whole_file(asked):
    response = answer(Range=asked)

    assert response.status_code == 200
    assert sent(response) == DATA


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=9999999999999999999-"])
def test_a_range_beyond_the_file_is_refused_with_its_size(asked):
    response = answer(Range=asked)

    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */10"


@given(st.binary(max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_a_range_is_the_slice_that_its_numbers_name(data, first, length):
    last = first + length
    if first >= len(data):
        with pytest.raises(UnsatisfiableRangeError):
            byte_range(f"bytes={first}-{last}", len(data))
    else:
        start, stop = byte_range(f"bytes={first}-{last}", len(data))
        assert data[start:stop] == data[first : last + 1]


@given(st.binary(min_size=1, max_size=30), st.integers(1, 40))
def test_a_suffix_is_the_last_bytes(data, n):
    start, stop = byte_range(f"bytes=-{n}", len(data))

    assert data[start:stop] == data[-n:]


@given(st.text(max_size=20), st.integers(1, 100))
def test_any_header_asks_for_some_range(header, n_bytes):
    try:
        start, stop = byte_range(header, n_bytes)
    except UnsatisfiableRangeError:
        return

    assert 0 <= start < stop <= n_bytes


@pytest.mark.parametrize(
    ("if_range", "status"),
    [(ETAG, 206), ('"other"', 200), ('W/"abc"', 200), (AT, 206), ("Thu, 26 Nov 2026 18:00:01 GMT", 200)],
)
def test_a_range_of_a_file_that_has_changed_gets_the_whole_file(if_range, status):
    assert answer(Range="bytes=2-", If_Range=if_range).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": ETAG}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_Modified_Since": AT}, 304),
        ({"If_Match": '"other"'}, 412),
        ({"If_None_Match": ETAG, "Range": "bytes=99-"}, 304),
    ],
)
def test_what_the_client_has_already_is_not_sent(headers, status):
    response = answer(**headers)

    assert response.status_code == status
    assert status != 304 or response["ETag"] == ETAG


def test_head_says_the_size_and_reads_nothing():
    def never():
        raise AssertionError("read for HEAD")

    response = answer("HEAD", VirtualFile([Made(10, never)]), Range="bytes=0-3")

    assert response.status_code == 200
    assert response["Content-Length"] == "10"
    assert sent(response) == b""


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=99-"}), ("GET", {"If_None_Match": ETAG})],
)
@pytest.mark.django_db
def test_what_was_opened_for_it_is_closed_whatever_the_answer(method, headers):
    closed = []

    answer(method, close=lambda: closed.append(True), **headers).close()

    assert closed == [True]


def test_nothing_is_closed_before_it_is_sent():
    closed = []

    sent(answer(close=lambda: closed.append(True)))

    assert closed == []


def test_a_transfer_that_stops_is_logged_and_breaks_off(caplog):
    def missing():
        raise OSError("ab.jpg: expected its file; found none")

    response = answer(body=VirtualFile([Text(DATA), Made(5, missing)]))

    with caplog.at_level(logging.ERROR), pytest.raises(OSError, match=r"ab\.jpg"):
        sent(response)
    assert "The download of cats.zip stopped." in caplog.text
    assert "ab.jpg: expected its file" in caplog.text
