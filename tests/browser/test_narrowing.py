"""After a noun was split, its pictures ask which part they show, among ordinary pictures."""

import pytest
from playwright.sync_api import expect

from labeling.models import Lease, Question, Vote
from taxonomy import drafting
from taxonomy.models import Draft
from tests.browser.steps import eventually, start_labelling
from tests.factories import make_collection, make_user

pytestmark = pytest.mark.django_db(transaction=True)


LOOKED_MS = 300  # longer than the page takes a press for an accident


@pytest.fixture
def collection():
    """A picture of a dog, which has been split into a husky and a poodle, and one that nobody has named."""
    collection = make_collection(n_questions=2, min_votes=1, target_confidence=0.6)
    dog = collection.ordered_classes()[1]
    Question.objects.filter(collection=collection).update(position=1)
    first = collection.questions.first()
    Question.objects.filter(pk=first.pk).update(position=0)
    [lease] = Lease.objects.hand_out(collection, make_user(), 1)
    lease.cast(dog)
    parts = [{"name": "husky", "gloss": "pulls sledges"}, {"name": "poodle", "gloss": "has curls"}]
    arguments = {"synset": dog.wnid, "parts": parts, "is_kept": True}
    drafting.propose("split", arguments, author=make_user(), reason="a test")
    drafting.work_due()
    Draft.objects.get().commit()
    drafting.work_due()
    return collection


def test_a_narrowed_picture_offers_its_parts_alone_and_the_next_one_every_class(page, collection):
    start_labelling(page, collection)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Which kind of dog is this?")
    expect(page.locator("#choices button span")).to_have_text(["husky", "poodle"])

    page.wait_for_timeout(LOOKED_MS)
    page.get_by_role("button", name="poodle").click()

    expect(heading).to_have_text("What is in this picture?")
    expect(page.locator("#choices button span")).to_have_text(["cat", "husky", "poodle"])
    eventually(
        page,
        lambda: list(Vote.objects.filter(narrowing__isnull=False).values_list("synset__name")),
        [("poodle",)],
    )


def test_a_key_names_the_part_in_its_place(page, collection):
    start_labelling(page, collection)
    expect(page.get_by_role("heading", level=1)).to_have_text("Which kind of dog is this?")
    page.wait_for_timeout(LOOKED_MS)

    page.keyboard.press("1")
    page.wait_for_timeout(LOOKED_MS)
    expect(page.get_by_role("heading", level=1)).to_have_text("What is in this picture?")
    page.keyboard.press("2")

    names = (
        Vote.objects.filter(annotator__kind="guest")
        .order_by("narrowing")
        .values_list("synset__name", flat=True)
    )
    eventually(page, lambda: sorted(names.all()), ["husky", "husky"])


def test_without_javascript_a_narrowed_picture_is_named_by_its_form(open_page, collection):
    page = open_page(java_script_enabled=False)
    start_labelling(page, collection)
    expect(page.get_by_role("heading", level=1)).to_have_text("Which kind of dog is this?")

    page.get_by_role("button", name="husky").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("What is in this picture?")
    assert Question.objects.get(label__name="husky").state == "settled"
