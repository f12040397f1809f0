"""Who has shown that they know what a noun means in a collection."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from labeling.models.collections import Collection
from taxonomy.models import Synset


class QuizPass(models.Model):
    """One annotator's answers about one noun were right, so that they are shown grids of it."""

    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="quiz_passes"
    )
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+")
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, related_name="+")
    passed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "quiz passes"
        constraints = [
            models.UniqueConstraint(
                fields=["annotator", "collection", "synset"],
                name="labeling_quiz_passed_once",
                violation_error_message=_("These questions were answered before."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} knows {self.synset} in {self.collection}"
