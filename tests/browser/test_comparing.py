"""What changed between two snapshots, on every screen and without JavaScript."""

import pytest
from playwright.sync_api import expect

from labeling.models import Collection
from taxonomy import ledger
from taxonomy.models import Synset
from taxonomy.models.ledger import Kind
from tests.factories import freeze_all, make_settled_collection

NAMES = ("cat", "dog", "Staffordshire bullterrier, Staffordshire bull terrier", "puppy", "red fox")


@pytest.fixture
def collection(live_server) -> Collection:
    """A collection with three snapshots; from the second to the third everything happens that can be told."""
    collection = make_settled_collection(60, names=NAMES)
    cat, dog, terrier, puppy, fox = collection.ordered_classes()
    freeze_all(collection, min_confidence=0.9)
    collection.questions.update(confidence=0.98)
    freeze_all(collection, min_confidence=0.9)
    ledger.make(Kind.MERGE, {"synset": puppy.wnid, "target": dog.wnid}, author=None, reason="a test")
    collection.questions.filter(label=puppy).update(label=dog)
    collection.questions.filter(label=terrier).update(label=dog, n_votes=5)
    relabelled = [question.pk for question in collection.questions.filter(label=cat)[:3]]
    collection.questions.filter(pk__in=relabelled).update(label=terrier, confidence=0.995)
    gone, unsure, *_kept = collection.questions.filter(label=fox, image__split="train")
    gone.image.withdraw()
    collection.questions.filter(pk=unsure.pk).update(state="open", label=None, confidence=None)
    collection.questions.filter(label=fox).update(confidence=0.96)
    kept = Synset.objects.filter(pk__in=[cat.pk, dog.pk, terrier.pk]).values_list("wnid", flat=True)
    freeze_all(collection, min_confidence=0.9, classes=(*kept, fox.wnid))
    return collection


def address(collection):
    return f"{collection.get_absolute_url()}snapshots/compare/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [320, 768, 1440])
def test_the_comparison_does_not_scroll_sideways_or_complain(open_page, collection, width_px, scheme):
    page = open_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)

    page.goto(address(collection))

    expect(page.get_by_role("heading", name="From snapshot 2 to 3")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px


def test_two_others_are_chosen_without_javascript(open_page, collection):
    page = open_page(java_script_enabled=False)
    page.goto(address(collection))

    page.get_by_label("From snapshot").select_option("1")
    page.get_by_label("To snapshot").select_option("2")
    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_role("heading", name="From snapshot 1 to 2")).to_be_visible()
    expect(page.get_by_text("No label changed, and no picture came or went.")).to_be_visible()


def test_a_changed_label_leads_to_the_change_that_made_it(open_page, collection):
    page = open_page()
    page.goto(address(collection))

    page.get_by_role("row", name="puppy → dog").get_by_role("link", name="change").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("puppy")
