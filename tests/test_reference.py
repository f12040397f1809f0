"""The pages that are made from the code say what the code says."""

import pytest

from docs_tools import reference

OUT_OF_DATE = "{} is out of date: run `make reference` and commit what it writes."


@pytest.mark.parametrize(
    ("page", "made"),
    [(reference.COMMANDS, reference.commands_page), (reference.API, reference.api_page)],
    ids=["commands", "api"],
)
def test_a_page_that_is_made_is_as_it_would_be_made_now(page, made):
    assert page.read_text() == made(), OUT_OF_DATE.format(page.name)


def test_a_needed_option_and_one_without_a_value_are_told_apart():
    page = reference.commands_page()

    assert "| `--collection SLUG` (needed) |" in page
    assert "| `--no-serve` | end after the leaderboard |" in page


def test_every_field_of_a_vote_is_told_with_its_type():
    page = reference.api_page()

    _before, section = page.split("\n### Vote\n")
    fields = section.split("\n### ")[0]
    assert all(f"| `{name}` |" in fields for name in ("lease", "synset", "answer", "seconds")), fields
