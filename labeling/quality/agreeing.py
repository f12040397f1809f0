"""How far people agree, over answers that are alike or not, and over answers that may be kin."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labeling import agreement, overview
from labeling.models import Choices, Collection
from labeling.quality.kin import Kin


@dataclass(frozen=True)
class Agreement:
    """Alpha over a fixed sample of questions; None where it is not defined."""

    nominal: float | None  # over votes for classes, alike or not
    by_kinship: (
        float | None
    )  # over those for inner nouns too, by how far the nouns are apart; None where one verifies
    n_sampled: int
    is_sample: bool  # more questions have two votes than were looked at

    @property
    def drawn(self) -> list[int]:
        """Where each lies on an axis from 0 to 1, in thousandths; what is below 0 at its beginning."""
        return [round(1000 * max(alpha or 0.0, 0.0)) for alpha in (self.nominal, self.by_kinship)]


def measure(collection: Collection, becomes: Mapping[int, int | None], choices: Choices) -> dict[str, Any]:
    (item, label, count), n_voted = overview.sampled(collection, becomes)
    is_class = ~np.isin(label, [*choices.broader])
    by_kinship = None
    if not collection.is_verifying:
        nouns, place = np.unique(label, return_inverse=True)
        apart = Kin.of(collection, nouns.tolist()).distances(nouns.tolist())
        by_kinship = agreement.weighted_alpha(item, place, count, apart)
    return asdict(
        Agreement(
            nominal=agreement.alpha(item[is_class], label[is_class], count[is_class]),
            by_kinship=by_kinship,
            n_sampled=min(n_voted, overview.SAMPLE),
            is_sample=n_voted > overview.SAMPLE,
        )
    )
