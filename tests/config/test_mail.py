import pytest
from django.core.exceptions import ImproperlyConfigured

from config.mail import mail_settings


def test_without_an_address_mails_are_written_to_the_terminal():
    assert mail_settings("") == {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.org", 587, True, False),
        ("smtps://mail.example.org", 465, False, True),
        ("smtp+plain://mail.example.org", 25, False, False),
        ("smtp://mail.example.org:2525", 2525, True, False),
    ],
)
def test_the_scheme_says_how_the_line_is_protected(url, port, tls, ssl):
    found = mail_settings(url)

    assert found["EMAIL_HOST"] == "mail.example.org"
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)


def test_a_name_and_a_password_may_hold_any_sign():
    found = mail_settings("smtp://me%40example.org:a%2Fb%3A@mail.example.org")

    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("me@example.org", "a/b:")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://mail.example.org", "found http"),
        ("mail.example.org", "found no scheme"),
        ("smtp://", "found no host"),
        ("smtp://me:secret@mail.example.org:port", "found a port that is no number"),
    ],
)
def test_what_is_no_such_address_is_refused_without_its_password(url, words):
    with pytest.raises(ImproperlyConfigured, match=words) as refusal:
        mail_settings(url)

    assert "secret" not in str(refusal.value)
