"""What every answer tells the browser; tests/security/test_headers.py asks every address for it."""

from django.urls import reverse

from config.headers import FILE, PAGE, PERMISSIONS, policy


def test_a_policy_is_written_as_browsers_read_it():
    assert policy(default_src="'none'", img_src="'self' data:", sandbox="") == (
        "default-src 'none'; img-src 'self' data:; sandbox"
    )


def test_no_policy_lets_anything_inline_run():
    assert "unsafe" not in PAGE + FILE


def test_no_page_may_use_the_camera():
    assert "camera=()" in PERMISSIONS.split(", ")


def test_a_request_that_is_refused_at_the_door_is_answered_with_the_headers_too(client):
    response = client.get(reverse("health"), {"q": "\0"})

    assert response.status_code == 400
    assert response["Content-Security-Policy"] == FILE
    assert response["X-Content-Type-Options"] == "nosniff"
