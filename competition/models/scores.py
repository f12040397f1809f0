"""What was measured of submissions. Never edited: new labels or a new scorer give new rows."""

from dataclasses import dataclass
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from competition.models.contests import Metric, Part


class Score(models.Model):
    """One metric of one submission on one part; never edited. New labels or a new scorer give new rows."""

    submission = models.ForeignKey("competition.Submission", on_delete=models.CASCADE, related_name="scores")
    metric = models.CharField(max_length=20, choices=Metric)
    part = models.CharField(max_length=7, choices=Part)
    value = models.FloatField()
    low = models.FloatField(help_text=_("Of the 95 % bootstrap interval."))
    high = models.FloatField()
    told = models.FloatField(
        null=True,
        blank=True,
        help_text=_(
            "What may be told of it while the contest goes on, rounded; empty where it is no new best of its team."
        ),
    )
    n_images = models.PositiveIntegerField()
    truth_digest = models.CharField(max_length=64, help_text=_("The snapshot's."))
    taxonomy_version = models.PositiveIntegerField()
    scorer_version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "metric", "part", "truth_digest", "taxonomy_version", "scorer_version"],
                name="competition_score_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.value:.4f}"

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class ShownScore:
    """What an entry's author may read of a score. While the contest goes on that is what the score tells, and of a
    value that is no new best of its team nothing: anything nearer to the exact one would tell of hidden labels.
    """

    metric: str
    part: str
    value: float | None
    low: float | None
    high: float | None
    n_images: int

    @classmethod
    def of(cls, score: Score, is_over: bool) -> Self:
        if is_over:
            return cls(score.metric, score.part, score.value, score.low, score.high, score.n_images)
        return cls(score.metric, score.part, score.told, None, None, score.n_images)

    @property
    def is_told(self) -> bool:
        return self.value is not None

    @property
    def is_share(self) -> bool:
        """Whether it is a share of the pictures; others are levels of the taxonomy, or a distance."""
        return self.metric in (Metric.TOP1, Metric.TOP5, Metric.CALIBRATION)

    @property
    def metric_name(self) -> str:
        return str(Metric(self.metric).label)

    @property
    def part_name(self) -> str:
        return str(Part(self.part).label)


class ClassTally(models.Model):
    """How one submission did on the pictures of each class in one part; a board of some nouns alone adds them up."""

    submission = models.ForeignKey("competition.Submission", on_delete=models.CASCADE, related_name="tallies")
    part = models.CharField(max_length=7, choices=Part)
    truth_digest = models.CharField(max_length=64)
    scorer_version = models.PositiveSmallIntegerField()
    counts = models.BinaryField(
        help_text=_("int32, (4, n_classes): pictures, wrong at first, wrong in five, levels of the taxonomy.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "part", "truth_digest", "scorer_version"], name="competition_tally_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.submission}, {self.part} part"
