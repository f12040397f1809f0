"""Whatever happens to the nouns and in whatever order, labels keep their laws. Each seed is another history."""

import random
from itertools import count

import pytest

from labeling import aggregation
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import Collection, Lease, Question, Vote
from taxonomy import drafting
from taxonomy.changes import ChangeRefusedError
from taxonomy.models import Change, Draft, Synset
from tests.factories import make_picture, make_synset, make_user

pytestmark = pytest.mark.django_db

N_STEPS = 10
CHANGES = ("merge", "split", "split", "retire", "undo", "undo", "move", "mark", "restore")


class History:
    """Two collections about the same pictures, and what happens to them by chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        thing = make_synset("thing")
        mammal, pet = make_synset("mammal", thing), make_synset("pet", thing)
        cat, kitty, dog, fox = (
            make_synset("cat", mammal, pet),
            *(make_synset(name, mammal) for name in ("kitty", "dog", "fox")),
        )
        husky, _poodle, _rex = make_synset("husky", dog), make_synset("poodle", dog), make_synset("rex", cat)
        self.curator, self.people = make_user(), [make_user() for _ in range(8)]
        self.new_names = (f"new {number}" for number in count(1))
        self.votes: list[tuple[object, ...]] = []
        self.make_collection("low", mammal, cat, kitty, dog, fox)
        self.make_collection("high", thing, mammal, pet, cat, dog, husky)

    def make_collection(self, slug, root, *classes):
        collection = Collection.objects.create(
            slug=slug, name=slug, root=root, min_votes=2, max_votes=5, target_confidence=0.9
        )
        collection.set_classes(classes)
        add_pictures(
            collection, [IncomingPicture(f"{i}.png", make_picture(i)) for i in range(3)], source="a test"
        )
        # Where a question stands in the window is chance that no seed governs, so its picture says it here.
        for place, question in enumerate(collection.questions.order_by("image__sha256")):
            Question.objects.filter(pk=question.pk).update(position=place)

    # --- What happens -------------------------------------------------------------------------------------

    def step(self):
        acts = [
            self.vote,
            self.vote,
            self.vote_on_old_page,
            self.refit,
            self.go_away,
            self.change,
            self.change,
        ]
        self.random.choice(acts)()

    def vote(self):
        for _ in range(self.random.randint(1, 8)):
            annotator, collection = self.random.choice(self.people), self.any_collection()
            for lease in Lease.objects.hand_out(collection, annotator, 1):
                if self.random.random() < 0.9:  # otherwise it is kept for later
                    self.answer(lease)

    def vote_on_old_page(self):
        for lease in Lease.objects.running().order_by("pk")[:1]:
            self.answer(lease)

    def answer(self, lease):
        question = Question.objects.get(pk=lease.question_id)
        offered = question.offered()
        true = (
            offered[question.position % len(offered) :][:1] if offered else []
        )  # most say the same of a picture
        seen = true if self.random.random() < 0.8 else [*offered, None]
        lease.cast(self.random.choice(seen or [None]))

    def refit(self):
        aggregation.refit(self.any_collection())

    def go_away(self):
        Lease.objects.all().release()

    def change(self, meanwhile=True):
        """Make a change by chance, with votes between its preview and its commit; return it unless it is refused."""
        return self.commit(*self.any_change(), self.vote if meanwhile else lambda: None)

    def commit(self, kind, arguments, meanwhile=lambda: None):
        try:
            draft = drafting.propose(kind, arguments, author=self.curator, reason="a test")
        except ChangeRefusedError:
            return None
        drafting.work_due()
        meanwhile()
        draft.refresh_from_db()
        draft.commit()
        drafting.work_due()
        draft.refresh_from_db()
        assert draft.state in (Draft.State.COMMITTED, Draft.State.REFUSED)
        return draft.change

    # --- By chance ----------------------------------------------------------------------------------------

    def any_collection(self):
        return self.random.choice(Collection.objects.order_by("slug"))

    def any_noun(self):
        classes = [noun for each in Collection.objects.order_by("slug") for noun in each.ordered_classes()]
        return self.random.choice([*Synset.objects.current().order_by("pk"), *classes, *classes])

    def any_change(self):
        kind, noun = self.random.choice(CHANGES), self.any_noun()
        is_so = self.random.random() < 0.5
        if kind == "undo":
            latest = Change.objects.exclude(kind="import").values_list("pk", flat=True)[:5]
            return kind, {"change": self.random.choice(latest or [0])}
        if kind == "restore":
            noun = Synset.objects.retired().order_by("pk").first() or noun
        return kind, {
            "synset": noun.wnid,
            **{
                "merge": {"target": self.any_noun().wnid},
                "split": {"parts": [self.any_part(noun), self.any_part(noun)], "is_kept": is_so},
                "retire": {"with_below": is_so},
                "move": {"target": self.any_noun().wnid},
                "mark": {"is_imageable": is_so},
                "restore": {},
            }[kind],
        }

    def any_part(self, noun):
        below = list(Synset.objects.filter(hypernyms=noun).order_by("pk").values_list("wnid", flat=True))
        new = {"name": next(self.new_names), "gloss": ""}
        return self.random.choice([new, self.random.choice([*below, self.any_noun().wnid])])

    # --- The laws -----------------------------------------------------------------------------------------

    def check(self):
        votes = list(Vote.objects.order_by("pk").values_list())
        assert votes[: len(self.votes)] == self.votes, "a vote was edited"
        self.votes = votes
        for collection in Collection.objects.all():
            nouns = [collection.root, *collection.ordered_classes()]
            assert len(nouns) > 1
            assert not any(noun.is_retired for noun in nouns), f"{collection} asks for a retired noun"
        for question in Question.objects.order_by("pk"):
            check_question(question)


def check_question(question):
    label, narrowing, state = question.label, question.narrowing, question.state
    about = f"question {question.pk}, {state}, {label}, {narrowing}, places {question.open_places}"
    assert question.n_votes == question.votes.count(), about
    assert label is None or not label.is_retired, about
    assert narrowing is None or not narrowing.is_over, about
    if state == Question.State.OPEN:
        assert question.open_places or question.leases.exists(), about
        assert question.choices(), about
    else:
        assert not question.open_places, about
    if state == Question.State.SETTLED:
        assert label in question.choices(), about
    elif narrowing is not None:
        assert label == narrowing.label, about


def state_of_labels():
    """Everything that says what pictures show, what is asked, and what votes are weighed over."""
    answers = ("pk", "label__wnid", "confidence", "state", "narrowing", "fit", "n_votes")
    return list(Question.objects.order_by("pk").values_list(*answers)), {
        each.slug: (
            each.root.wnid,
            [noun.wnid for noun in each.ordered_classes()],
            [noun.wnid for noun in each.judged_classes()],
            [
                (narrowing.noun.wnid, narrowing.stands_at.wnid, sorted(narrowing.parts.values_list("wnid")))
                for narrowing in each.narrowings.standing()
            ],
        )
        for each in Collection.objects.select_related("root")
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_every_step_of_any_history_each_question_can_be_answered_and_each_label_is_in_the_tree(seed):
    history = History(seed)
    for _ in range(N_STEPS):
        history.step()
        history.check()


@pytest.mark.parametrize("seed", [10, 111, 133])
def test_changes_undone_in_reverse_with_no_votes_between_give_everything_back_to_the_bit(seed):
    history = History(seed)
    for _ in range(N_STEPS):
        history.step()
    before, first = state_of_labels(), Change.objects.version()
    while Change.objects.version() < first + 3:
        arguments = history.any_change()
        if arguments[0] != "undo" or arguments[1]["change"] <= first:
            history.commit(*arguments)
            history.check()

    for change in Change.objects.filter(pk__gt=first):
        assert history.commit("undo", {"change": change.pk}), f"the undo of {change} was refused"
        history.check()

    assert state_of_labels() == before
