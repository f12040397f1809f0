"""What a card says -> sentences for people. Reads nothing but the account that it is given."""

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from accounts.models import User
from datasets.account import FEW, Account, Bar, Noun
from datasets.reading import MOST_COUNTED
from datasets.rolling import LOOKS_ALIKE, OUTSIDE, SEVERAL, TOO_COARSE, UNTOLD
from labeling.models import Collection
from labeling.splits import SPLITS, TEST, TRAIN, VAL

PARTS = {TRAIN: gettext_lazy("training"), VAL: gettext_lazy("validation"), TEST: gettext_lazy("test")}
WHY_LEFT_OUT = {
    TOO_COARSE: gettext_lazy("the label is above several classes, and nobody said which of them it is"),
    SEVERAL: gettext_lazy("the label is a kind of two classes at once"),
    OUTSIDE: gettext_lazy("the label is neither a class nor a kind of one"),
    LOOKS_ALIKE: gettext_lazy("the picture looks like one of a later part"),
    UNTOLD: gettext_lazy("a test picture is in no class; why, nobody is told"),
}
# What datasets.formats says of its files in the manifest, for pages to translate.
PURPOSES = (
    gettext_noop("A folder for each part and class."),
    gettext_noop('For load_dataset("imagefolder") of Hugging Face.'),
    gettext_noop("A shard for WebDataset."),
)
MOST_NAMED = 5  # nouns in a sentence
LOW_ALPHA, GOOD_ALPHA = 2 / 3, 0.8  # Krippendorff's own bounds for what may be concluded


def sentence(told: Account) -> str:
    """Return in a sentence what the snapshot is."""
    return _(
        "%(images)s pictures under %(nouns)s nouns: %(train)s for training, %(val)s for validation and %(test)s for "
        "tests."
    ) % {
        "images": f"{told.n_images:,}",
        "nouns": f"{told.n_classes:,}",
        **{split: f"{told.by_split[split]:,}" for split in SPLITS},
    }


def annotators(told: Account) -> list[tuple[str, int]]:
    """Return how many voters of each kind there were, by the kind's name; kinds without any are left out."""
    return [
        (str(kind.label), told.annotators[kind.value])
        for kind in User.Kind
        if told.annotators.get(kind.value)
    ]


def how_asked(told: Account) -> str:
    """Return in a sentence what volunteers were asked; "" where that was not kept."""
    return {
        Collection.Kind.CHOOSE.value: _(
            "Volunteers saw one picture at a time and chose the noun that it shows."
        ),
        Collection.Kind.VERIFY.value: _(
            "Volunteers saw many pictures at a time and marked those that show one noun."
        ),
    }.get(told.kind, "")


def alpha_means(alpha: float) -> str:
    """Return in a sentence what an alpha says."""
    if alpha < LOW_ALPHA:
        return _("Below 0.667 nothing should be concluded from labels that rest on single votes.")
    if alpha < GOOD_ALPHA:
        return _("From 0.667 to 0.8 only tentative conclusions are drawn from single votes.")
    return _("From 0.8 on, votes are commonly taken as reliable.")


def confidence_words(bar: Bar) -> str:
    """Return the name of a group of labels by their confidence."""
    low, below = bar.name
    if below is None:
        return _("%(low)g and above") % {"low": low}
    return (
        _("%(low)g to %(below)g") % {"low": low, "below": below}
        if low
        else _("below %(below)g") % {"below": below}
    )


def votes_words(bar: Bar) -> str:
    """Return the name of a group of pictures by the number of their votes."""
    return _("%(n)d or more") % {"n": bar.name} if bar.name == MOST_COUNTED else str(bar.name)


# --- Known limits -------------------------------------------------------------------------------------------


def limits(told: Account) -> list[str]:
    """Return what whoever uses the snapshot should know, each in a sentence that follows from its numbers."""
    found = [*_of_people(told), *_of_labels(told), *_of_pictures(told), *_of_nouns(told)]
    return [sentence for sentence in found if sentence]


def _of_people(told: Account) -> Iterable[str]:
    n_simulated, n_imported = told.annotators.get("simulated", 0), told.annotators.get("imported", 0)
    if any(told.annotators.values()) and not told.n_people:
        yield _("No vote is a person’s of this site: all come from simulated annotators or were imported.")
    elif n_simulated:
        yield ngettext(
            "%(n)d of the annotators is simulated, beside %(people)d people.",
            "%(n)d of the annotators are simulated, beside %(people)d people.",
            n_simulated,
        ) % {"n": n_simulated, "people": told.n_people}
    if n_imported and told.n_people:
        yield _("Some votes were imported: how those people were asked is not known here.")


def _of_labels(told: Account) -> Iterable[str]:
    yield _(
        "The confidence of a label is what the consensus model makes of the votes; it is no measured share of right "
        "labels."
    )
    if told.accuracy is None:
        yield _(
            "No question with a known answer measured the labels, so nobody has checked how many are right."
        )
    if told.alpha is not None and told.alpha < GOOD_ALPHA:
        yield _("People agree little beyond chance: Krippendorff’s alpha is %(alpha).3f.") % {
            "alpha": told.alpha
        }
    n_single = sum(int(bar.n) for bar in told.votes if bar.name < 2)
    if n_single:
        yield ngettext(
            "%(n)d label rests on a single vote or none.",
            "%(n)d labels rest on a single vote or none.",
            n_single,
        ) % {"n": n_single}


def _of_pictures(told: Account) -> Iterable[str]:
    n_alike = told.n_left_out(LOOKS_ALIKE)
    if n_alike:
        yield ngettext(
            "%(n)d picture was left out because it looks like one of a later part.",
            "%(n)d pictures were left out because they look like one of a later part.",
            n_alike,
        ) % {"n": n_alike}
    n_others = told.n_remainder - n_alike
    if n_others:
        yield ngettext(
            "%(n)d settled picture is in no class; the remainder says why.",
            "%(n)d settled pictures are in no class; the remainder says why.",
            n_others,
        ) % {"n": n_others}
    n_unsaid = sum(int(bar.n) for bar in told.licences if not bar.name)
    if n_unsaid:
        yield ngettext(
            "The licence of %(n)d picture is not known.",
            "The licences of %(n)d pictures are not known.",
            n_unsaid,
        ) % {"n": n_unsaid}


def _of_nouns(told: Account) -> Iterable[str]:
    if told.few:
        yield ngettext(
            "%(n)d noun has fewer than %(few)d training pictures: %(nouns)s.",
            "%(n)d nouns have fewer than %(few)d training pictures: %(nouns)s.",
            len(told.few),
        ) % {"n": len(told.few), "few": FEW, "nouns": named(told.few)}
    if told.lacking:
        yield ngettext(
            "%(n)d noun has no picture in some part: %(nouns)s.",
            "%(n)d nouns have no picture in some part: %(nouns)s.",
            len(told.lacking),
        ) % {"n": len(told.lacking), "nouns": named(told.lacking, parts=True)}
    sizes = [noun.n_train for noun in told.nouns if noun.n_train]
    if sizes and max(sizes) >= 10 * min(sizes):
        yield _(
            "Nouns differ in size: the largest has %(times)d times as many training pictures as the smallest."
        ) % {"times": max(sizes) // min(sizes)}


def named(nouns: Sequence[Noun], *, parts: bool = False) -> str:
    """Return the names of the first of these nouns and how many more there are; with the parts that they lack."""
    said = [
        f"{noun.name} ({', '.join(str(PARTS[split]) for split in noun.lacks)})" if parts else noun.name
        for noun in nouns[:MOST_NAMED]
    ]
    more = len(nouns) - len(said)
    if more:
        said.append(ngettext("%(n)d more", "%(n)d more", more) % {"n": more})
    return ("; " if parts else ", ").join(said)
