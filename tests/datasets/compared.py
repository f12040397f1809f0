"""A collection with snapshots that differ in all that can be told."""

from labeling.models import Collection
from taxonomy import ledger
from taxonomy.models import Synset
from taxonomy.models.ledger import Kind
from tests.factories import freeze_all, make_settled_collection

NAMES = ("cat", "dog", "Staffordshire bullterrier, Staffordshire bull terrier", "puppy", "red fox")


def make_compared() -> Collection:
    """Make one with three snapshots: the first two hold the same labels, and hardly one of them is in the third."""
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
