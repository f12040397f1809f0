"""Pictures in a collection's guide: what one of its nouns looks like, and what only looks like it."""

from typing import Self

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.models.collections import Collection
from labeling.models.images import Image
from labeling.splits import TRAIN
from taxonomy.models import Synset

MOST_EXAMPLES = 12  # of one noun, so that a guide stays one that is read


class ExampleRefusedError(ValueError):
    """This picture cannot be an example of this noun."""


class ExampleQuerySet(models.QuerySet["Example"]):
    def shown(self) -> Self:
        """Those that pages may show: no withdrawn picture, no noun that is sensitive or retired, and no picture whose
        label may be a contest's secret; noun by noun, the good ones first.
        """
        visible = self.filter(image__withdrawn_at=None, image__split=TRAIN, synset__in=Synset.objects.shown())
        return visible.select_related("image", "synset").order_by("synset__name", "synset", "-is_good", "pk")

    def choose(
        self, collection: Collection, synset: Synset, image: Image, *, is_good: bool, note: str = ""
    ) -> "Example":
        """Take `image` into the guide of `collection`, or change what it says there.

        Raises ExampleRefusedError if it is no picture to show there, or `synset` has enough of them.
        """
        askable = collection.questions.filter(image=image, image__withdrawn_at=None, image__split=TRAIN)
        if not askable.exists():
            raise ExampleRefusedError(
                gettext("Choose a training picture of this collection: others may be a contest’s secret.")
            )
        others = self.filter(collection=collection, synset=synset).exclude(image=image)
        if others.count() >= MOST_EXAMPLES:
            raise ExampleRefusedError(
                gettext("“%(noun)s” has %(n)d examples already. Take one out first.")
                % {"noun": synset, "n": MOST_EXAMPLES}
            )
        example, _is_new = self.update_or_create(
            collection=collection, synset=synset, image=image, defaults={"is_good": is_good, "note": note}
        )
        return example


class Example(models.Model):
    """One picture of a collection's guide, beside one noun: a good example of it, or a bad one."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="examples")
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    is_good = models.BooleanField(default=True, help_text=_("It shows the noun; otherwise it only seems to."))
    note = models.CharField(max_length=200, blank=True, help_text=_("What to look at."))

    objects = ExampleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "synset", "image"],
                name="labeling_example_once",
                violation_error_message=_("This picture is an example of that noun already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.synset}"
