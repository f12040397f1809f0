"""Who is answered what at every address of the site is what the table in matrix.txt says.

A new address fails these tests with the lines that it would add: read them before you copy them into the table.
"""

import pytest

from tests.secrecy.walking import names
from tests.security import matrix
from tests.security.asking import ROLES, Asker, examples, methods
from tests.security.sending import sent

pytestmark = pytest.mark.django_db
UNKNOWN = "405"  # the method


@pytest.fixture(scope="module")
def known():
    return matrix.read()


def test_everybody_is_answered_what_the_table_says(stage, known):
    asker, found = Asker(stage), {}

    for name, address in examples(stage).items():
        for method in methods(address):
            form = sent(stage, name, method)
            if asker.outcome("super", method, address, **form) == UNKNOWN and (name, method) not in known:
                continue
            found[name, method] = tuple(asker.outcome(role, method, address, **form) for role in ROLES)

    wrong = {row: told for row, told in found.items() if known.get(row) != told}
    assert not wrong, "The table says otherwise:\n" + "\n".join([matrix.HEADING, *matrix.lines(wrong)])
    assert known.keys() == found.keys()


def test_the_table_has_every_address(known):
    assert {name for name, _method in known} == set(names())


def test_no_answer_is_a_fault_of_the_site(known):
    assert [row for row, told in known.items() if any(each.startswith("5") for each in told)] == []


def test_whoever_is_not_signed_in_changes_little(known):
    nobody = list(ROLES).index("nobody")
    changed = {
        name for (name, method), told in known.items() if method != "GET" and told[nobody] not in REFUSED
    }

    assert changed == OPEN_TO_ANYBODY


REFUSED = {"in", "401", "403", "404"}
# The language, signing in, up and out, the first picture of a new guest, a report, and a picture shown to a network.
OPEN_TO_ANYBODY = {
    "set-language",
    "accounts:sign-in", "accounts:sign-out", "accounts:sign-up", "labeling:start", "labeling:report", "training:try",
    "training:inside", "training:why-ask", "run-try",
    # By the other names of the same addresses; a lost password, and the second step of signing in.
    "account_login", "account_inactive", "account_signup", "account_logout", "account_reset_password",
    "account_set_password", "account_reset_password_from_key", "mfa_authenticate",
}  # fmt: skip


def test_no_form_is_taken_without_its_token(stage, known):
    asker, addresses = Asker(stage, enforce_csrf_checks=True), examples(stage)

    told = {row: asker.outcome("super", row[1], addresses[row[0]]) for row in known if row[1] != "GET"}

    assert {row for row, status in told.items() if status != "403"} == set()
