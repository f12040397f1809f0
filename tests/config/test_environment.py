import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

KINDS = ("red", "blue")


@pytest.mark.parametrize(
    ("read", "found", "complaint"),
    [
        (lambda: environment.flag("IT", default=True), "maybe", "IT: expected 1 or 0; found 'maybe'."),
        (
            lambda: environment.whole("IT", default=1),
            "many",
            "IT: expected a whole number, 0 or more; found 'many'.",
        ),
        (
            lambda: environment.whole("IT", default=1),
            "1.5",
            "IT: expected a whole number, 0 or more; found '1.5'.",
        ),
        (
            lambda: environment.whole("IT", default=1, least=1),
            "0",
            "IT: expected a whole number, 1 or more; found '0'.",
        ),
        (lambda: environment.seconds("IT", default=1), "-1", "IT: expected seconds, 0 or more; found '-1'."),
        (
            lambda: environment.seconds("IT", default=1),
            "nan",
            "IT: expected seconds, 0 or more; found 'nan'.",
        ),
        (
            lambda: environment.choice("IT", KINDS, default="red"),
            "pink",
            "IT: expected one of red, blue; found 'pink'.",
        ),
        (
            lambda: environment.words("IT", KINDS),
            "red, pink",
            "IT: expected some of red, blue; found 'pink'.",
        ),
        (
            lambda: environment.url("IT", ("redis", "rediss")),
            "http://:secret@host",
            "IT: expected an address that begins with redis:// or rediss://; found 'http'.",
        ),
        (
            lambda: environment.url("IT", ("https",)),
            "host:secret",
            "IT: expected an address that begins with https://; found no scheme.",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(monkeypatch, read, found, complaint):
    monkeypatch.setenv("IT", found)

    with pytest.raises(ImproperlyConfigured) as refusal:
        read()
    assert str(refusal.value) == complaint


@pytest.mark.parametrize(
    ("read", "found", "value"),
    [
        (lambda: environment.flag("IT", default=True), "off", False),
        (lambda: environment.whole("IT", default=1, least=1), "12", 12),
        (lambda: environment.seconds("IT", default=1), "0.5", 0.5),
        (lambda: environment.choice("IT", KINDS, default="red"), "blue", "blue"),
        (lambda: environment.words("IT", KINDS), "red, blue,", ["red", "blue"]),
        (lambda: environment.url("IT", ("redis",)), "redis://host/0", "redis://host/0"),
        (lambda: environment.secret("IT"), "quiet", "quiet"),
    ],
)
def test_what_can_be_used_is_read(monkeypatch, read, found, value):
    monkeypatch.setenv("IT", found)

    assert read() == value


def test_an_empty_setting_is_none_as_compose_sends_one(monkeypatch):
    monkeypatch.setenv("IT", "")

    assert environment.flag("IT", default=True) is True
    assert environment.whole("IT", default=7) == 7
    assert environment.words("IT") == []
    assert environment.text("IT", "else") == "else"


def test_a_secret_is_read_from_the_file_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("quiet\n")
    monkeypatch.setenv("IT_FILE", str(tmp_path / "secret"))

    assert environment.secret("IT") == "quiet"


def test_a_secret_that_is_given_twice_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("IT", "quiet")
    monkeypatch.setenv("IT_FILE", str(tmp_path / "secret"))

    with pytest.raises(ImproperlyConfigured, match="Expected IT or IT_FILE; found both"):
        environment.secret("IT")


def test_a_file_without_a_secret_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("IT_FILE", str(tmp_path / "secret"))

    with pytest.raises(
        ImproperlyConfigured, match=r"IT_FILE: expected a file that can be read; found '.+': No such"
    ):
        environment.secret("IT")
    (tmp_path / "secret").write_text(" \n")
    with pytest.raises(ImproperlyConfigured, match=r"IT_FILE: expected a secret in '.+'; found nothing."):
        environment.secret("IT")
