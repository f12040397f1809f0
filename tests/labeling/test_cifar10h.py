"""A part of a real crowd dataset, where it lies beside the repository; it may not be copied into it."""

import io

import pytest
from django.conf import settings
from django.core.management import call_command

from labeling.models import Collection, Vote
from taxonomy.models import Synset

FOLDER = settings.BASE_DIR.parent / "shared" / "data" / "cifar10h"
NOUNS = settings.BASE_DIR / "taxonomy" / "data" / "nouns.csv"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (FOLDER / "votes.csv.gz").is_file(), reason="CIFAR-10H is not beside the repository."
    ),
]


def test_the_votes_of_real_people_on_200_pictures_name_97_in_100_rightly():
    call_command("import_taxonomy", NOUNS, stdout=io.StringIO())

    call_command(
        "import_votes", "--collection", "cifar-10h", "--limit", "200", "--class", "cat=domestic_cat.n.01",
        "--pictures", str(FOLDER / "images.zip"),
        "--labels", str(FOLDER / "labels.csv.gz"),
        "--votes", str(FOLDER / "votes.csv.gz"),
        stdout=io.StringIO(),
    )  # fmt: skip

    collection = Collection.objects.get(slug="cifar-10h")
    assert collection.root == Synset.objects.named("whole.n.02")
    assert Synset.objects.named("domestic_cat.n.01") in collection.ordered_classes()
    assert Vote.objects.filter(question__collection=collection).count() == 200 * 50
    assert collection.questions.settled().count() >= 190
    assert collection.questions.accuracy() >= 0.97
