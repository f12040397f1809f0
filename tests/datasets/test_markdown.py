import re

import pytest
from django.utils import translation

from datasets.describing import card_markdown
from taxonomy.models import Synset
from tests.factories import freeze_all, make_settled_collection, make_snapshot

pytestmark = pytest.mark.django_db


def tables(text) -> dict[str, list[list[str]]]:
    """Return the rows of the table under each heading, its head first."""
    found = {}
    for part in text.split("\n## ")[1:]:
        heading, _, rest = part.partition("\n")
        lines = [line for line in rest.splitlines() if line.startswith("| ")]
        found[heading] = [
            [cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if "---" not in line
        ]
    return found


def test_the_card_says_in_markdown_what_the_snapshot_is():
    snapshot = make_snapshot(n_questions=10)

    text = card_markdown(snapshot)

    assert text.startswith(f"# {snapshot.collection.name}, snapshot 1\n\n10 pictures under 2 nouns:")
    assert f"`{snapshot.digest}`" in text
    found = tables(text)
    assert found["Licences"] == [["Licence", "Pictures"], ["not said", "10"]]
    assert found["Votes on a picture"] == [["Votes", "Pictures"], ["3", "10"]]
    assert "## Known limits\n\n- The confidence of a label" in text


def test_each_noun_is_a_row_without_its_test_pictures():
    snapshot = make_snapshot(n_questions=10)

    head, *rows = tables(card_markdown(snapshot))["Pictures by noun"]

    assert head == ["Label", "Noun", "wnid", "training", "validation", "votes that say it"]
    assert [row[2] for row in rows] == snapshot.classes
    assert [[int(n) for n in row[3:5]] for row in rows] == [
        [snapshot.card["by_class"][wnid][split] for split in ("train", "val")] for wnid in snapshot.classes
    ]


def test_the_card_is_the_same_whatever_the_test_labels_are():
    collection = make_settled_collection(10)
    cards = []
    for label in collection.ordered_classes():
        collection.questions.filter(image__split="test").update(label=label)
        text = card_markdown(freeze_all(collection))
        cards.append(re.sub(r"[0-9a-f]{64}|snapshot \d|\d{4}-\d\d-\d\d \d\d:\d\d", "", text))

    assert cards[0] == cards[1]


def test_a_noun_that_was_marked_as_sensitive_is_not_listed():
    snapshot = make_snapshot(n_questions=10, names=("cat", "gore"))
    assert "gore" in card_markdown(snapshot)

    Synset.objects.filter(name="gore").update(is_sensitive=True, sensitive_reason="a test")

    assert "gore" not in card_markdown(snapshot)
    assert "1 noun is not listed" in card_markdown(snapshot)


def test_what_stands_in_names_is_no_markup():
    snapshot = make_snapshot(n_questions=10, names=("a|b", "<i>*c*</i>"), guide="# Look\n| closely |")

    text = card_markdown(snapshot)

    assert r"a\|b" in text
    assert r"\<i\>\*c\*\</i\>" in text
    assert "> \\# Look\n> \\| closely \\|" in text


def test_the_card_is_in_the_same_language_whoever_asks():
    snapshot = make_snapshot(n_questions=10)

    with translation.override("de"):
        assert "## What it is" in card_markdown(snapshot)
