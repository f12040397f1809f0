"""What a snapshot would hold if a collection were frozen now, before anything is made."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, Q

from datasets.account import Bar, Noun, bars, nouns
from datasets.choosing import ByAncestry, Plan
from labeling.models import Collection
from labeling.splits import SPLITS
from taxonomy.models import Synset


@dataclass(frozen=True)
class Preview:
    """Counts of settled labels. One that verifies settles a picture for several nouns: here it counts for each, of
    which a snapshot takes one.
    """

    floor: float
    nouns: tuple[Noun, ...]
    n_below: int  # settled, and not surely enough
    left_out: tuple[Bar, ...]  # settled surely enough and in no class, by reason

    @property
    def by_split(self) -> dict[str, int]:
        counts = zip(*(noun.counts for noun in self.nouns), strict=True)
        return dict(zip(SPLITS, (sum(n or 0 for n in each) for each in counts), strict=True))

    @property
    def n_images(self) -> int:
        return sum(self.by_split.values())

    @property
    def n_left_out(self) -> int:
        return int(sum(bar.n for bar in self.left_out))

    @property
    def lacking(self) -> list[Noun]:
        return [noun for noun in self.nouns if noun.lacks]


def preview(collection: Collection, plan: Plan) -> Preview:
    """Count what would go in: four queries, whatever the number of pictures and classes. Pictures that look like
    one of a later part are not looked for.
    """
    settled = _settled(collection, plan.floor)
    wnids = {label for label, _split, _n, _n_below in settled}
    roll_up = ByAncestry(plan.classes)
    roll_up.learn(wnids)
    by_class = {wnid: dict.fromkeys(SPLITS, 0) for wnid in plan.classes}
    left_out: Counter[str] = Counter()
    for label, split, n, _n_below in settled:
        wnid, why = roll_up.place(label)
        if wnid is not None:
            by_class[wnid][split] += n
        elif n:
            left_out[why] += n
    names = dict(Synset.objects.filter(wnid__in=plan.classes).values_list("wnid", "name"))
    return Preview(
        plan.floor,
        nouns(by_class, {wnid: names[wnid] for wnid in plan.classes}, tells_test=True),
        sum(n_below for _label, _split, _n, n_below in settled),
        bars(left_out.most_common()),
    )


def _settled(collection: Collection, floor: float) -> list[tuple[str, str, int, int]]:
    """Return (wnid, split, how many are sure enough, how many are not) of the settled labels of pictures to show."""
    rows = collection.questions.settled().filter(image__withdrawn_at=None, label__isnull=False)
    sure = Q(confidence__gte=floor)
    counted = rows.values_list("label__wnid", "image__split").annotate(
        n=Count("pk", filter=sure), n_below=Count("pk", filter=~sure)
    )
    return list(counted.order_by())
