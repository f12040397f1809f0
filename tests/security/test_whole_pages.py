"""What answers a browser with a whole page is looked at in one, by tests/browser/test_accessibility.py."""

import pytest

from tests.browser.test_accessibility import PAGES
from tests.security.asking import ROLES, Asker, examples

pytestmark = pytest.mark.django_db
# Pages that are looked at by another name; and Swagger's, which test_policy.py opens and no rule of ours reaches.
ELSEWHERE = {"account_login", "account_inactive", "account_signup", "account_set_password", "api-docs"}


def test_every_address_that_answers_anybody_with_a_whole_page_is_looked_at(stage):
    asker, whole = Asker(stage), set()

    for name, address in examples(stage).items():
        for role in ROLES:
            with asker.ask(role, "GET", address) as response:
                if is_whole_page(response):
                    whole.add(name)
                    break

    assert whole - {view for _who, view, _rows, _query in PAGES} == ELSEWHERE


def is_whole_page(response):
    is_html = response.get("Content-Type", "").startswith("text/html")
    return response.status_code == 200 and is_html and b"<html" in response.getvalue()
