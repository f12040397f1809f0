"""A Nestwork site, asked by its command line client. Python's own library and requests, never Django.

What fails on the way is asked again; handing in carries a key of its own, by which the site knows that it has the
entry already.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import requests

TRIES = 6  # together they wait half a minute, as long as a site takes to restart
FIRST_WAIT_S = 1.0
TIMEOUT_S = (10, 120)  # to connect; between two bytes, where the site stores a large file meanwhile
PASSING = (502, 503, 504)  # said by proxies while the site behind them restarts
BLOCK = 256 * 1024


class SiteError(Exception):
    """The site refuses, or is not there; the message says what was expected and what was found."""


class Body:
    """A form with one file, as multipart/form-data. The file is read as it is sent, some at a time.

    told: called with the bytes of the form that have been sent and with all there are. Source: RFC 7578.
    """

    def __init__(
        self, fields: dict[str, str], path: Path, file: BinaryIO, told: Callable[[int, int], None]
    ) -> None:
        self.boundary = uuid4().hex
        self._file, self._told, self._n_sent = file, told, 0
        lines = [
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        named = path.name.replace("\\", "%5C").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        lines.append(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"; filename="{named}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head, self._tail = "".join(lines).encode(), f"\r\n--{self.boundary}--\r\n".encode()
        self._n_bytes = len(self._head) + path.stat().st_size + len(self._tail)

    def __len__(self) -> int:
        return self._n_bytes

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, about `size` of them; none at the end."""
        size = BLOCK if size < 0 else size
        piece, self._head = self._head[:size], self._head[size:]
        piece = piece or self._file.read(size)
        if not piece:
            piece, self._tail = self._tail[:size], self._tail[size:]
        self._n_sent += len(piece)
        if piece:
            self._told(self._n_sent, self._n_bytes)
        return piece


class Site:
    """One site, and who asks it. `wait` sleeps so many seconds."""

    def __init__(self, address: str, token: str = "", wait: Callable[[float], None] = time.sleep) -> None:
        self.address, self.token = address.rstrip("/"), token
        self.pause, self._session = wait, requests.Session()
        # A .netrc or a proxy of the environment must not change who asks.
        self._session.auth = self._sign

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Token {self.token}"
        return request

    def contests(self) -> Iterator[dict[str, Any]]:
        """Yield every contest, the latest first."""
        return self._pages("contests/")

    def contest(self, slug: str) -> dict[str, Any]:
        """Return one contest, and where a token is given the places that are left."""
        return self._object("GET", f"contests/{slug}/")

    def board(self, slug: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of a leaderboard in its order."""
        return self._pages(f"contests/{slug}/leaderboard/")

    def submission(self, number: int) -> dict[str, Any]:
        """Return one of your team's entries as it is now."""
        return self._object("GET", f"submissions/{number}/")

    def submit(
        self, fields: dict[str, str], path: Path, told: Callable[[int, int], None] = lambda _sent, _all: None
    ) -> dict[str, Any]:
        """Hand in the file at `path`; return the entry. However often it has to be sent, it enters once."""
        key = uuid4().hex

        def send() -> requests.Response:
            with path.open("rb") as file:
                body = Body(fields, path, file, told)
                headers = {
                    "Content-Type": f"multipart/form-data; boundary={body.boundary}",
                    "Idempotency-Key": key,
                }
                # A redirected POST becomes a GET, so none is followed.
                return self._session.post(
                    self._url("api/submissions/"),
                    data=body,  # what has read() is streamed
                    headers=headers,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                )

        return _as_object(self._answered(send))

    @contextmanager
    def download(self, path: str) -> Iterator[requests.Response]:
        """Lend the answer with a file, not read yet."""
        url = self._url(path)
        with self._answered(lambda: self._session.get(url, stream=True, timeout=TIMEOUT_S)) as response:
            yield response

    def _url(self, path: str) -> str:
        if not self.address:
            raise SiteError(
                "Expected --site or NESTWORK_SITE: the address of the site, as https://example.org"
            )
        return f"{self.address}/{path}"

    def _object(self, method: str, path: str) -> dict[str, Any]:
        return _as_object(
            self._answered(lambda: self._session.request(method, self._url(f"api/{path}"), timeout=TIMEOUT_S))
        )

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        place = 0
        while True:
            page = self._object("GET", f"{path}?limit=100&offset={place}")
            yield from page["results"]
            place += len(page["results"])
            if not page["next"] or not page["results"]:
                return

    def _answered(self, send: Callable[[], requests.Response]) -> requests.Response:
        """Return the answer of whatever `send` asks, asked again while the site does not answer. Raises SiteError."""
        for attempt in range(TRIES):
            try:
                response = send()
            except requests.exceptions.InvalidURL as error:
                raise SiteError(f"Expected the address of a site; found {self.address!r}.") from error
            except (requests.ConnectionError, requests.Timeout) as error:
                if attempt == TRIES - 1:
                    raise SiteError(f"{self.address} does not answer: {_reason(error)}.") from error
            except requests.RequestException as error:
                raise SiteError(f"{self.address} cannot be asked: {error}.") from error
            else:
                if response.status_code not in PASSING or attempt == TRIES - 1:
                    return _accepted(response)
            self.pause(FIRST_WAIT_S * 2**attempt)
        raise AssertionError("The last try returns or raises.")


def _reason(error: requests.RequestException) -> str:
    """Return what lies at the bottom of an error of several libraries."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]  # one of them is there
    return str(cause) or type(cause).__name__


def _accepted(response: requests.Response) -> requests.Response:
    """Return an answer that is what was asked for. Raises SiteError with the site's own sentence otherwise."""
    if response.ok and not response.is_redirect:
        return response
    with response:
        if response.is_redirect:
            raise SiteError(f"The site is elsewhere; use --site for it: {response.headers['Location']}")
        raise SiteError(_sentence(response))


def _sentence(response: requests.Response) -> str:
    try:
        said = response.json()
    except ValueError:
        said = None
    if sentence := "\n".join(_sentences(said)):
        return sentence
    return f"{response.url} answers with status {response.status_code} {response.reason}."


def _sentences(said: Any, name: str = "") -> Iterator[str]:
    """Yield the sentences of an error that the API tells, each with the field that it is about."""
    if isinstance(said, dict):
        for field, each in said.items():
            yield from _sentences(each, "" if field in ("detail", "non_field_errors") else field)
    elif isinstance(said, list):
        for each in said:
            yield from _sentences(each, name)
    elif said:
        yield f"{name}: {said}" if name else str(said)


def _as_object(response: requests.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SiteError(f"Expected the API of a Nestwork site at {response.url}; found something else.")
    return found
