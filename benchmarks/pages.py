"""How long pages take that count votes, on a site that holds many. Prints one JSON object a line.

    python -m benchmarks.pages [--votes 1000000] [--questions 500000] [--annotators 2000] [--turns 5]
    python -m tests.with_servers --durable python -m benchmarks.pages

The first line measures SQLite in a folder that is thrown away, the second a PostgreSQL and a Redis of its own, whose
database has to be empty. Nine in ten questions are settled by the votes on them, the rest is being asked; one in a
hundred is gold. Each page is asked for through Django's test client, once to warm up and then some times; what it
sends, its queries and its template are all in the time.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from benchmarks.reporting import report, timed
from benchmarks.staging import N_CLASSES, a_site, make_images, make_nouns

BLOCK = 50_000  # votes that are made at a time
GOLD_EVERY, OPEN_EVERY = 100, 10
SHARE_RIGHT = 0.9
SLUG = "full"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=500_000)
    parser.add_argument("--annotators", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STATIC_ROOT"] = folder
        with a_site():
            _measure(options.votes, options.questions, options.annotators, options.turns)


def _measure(n_votes: int, n_questions: int, n_annotators: int, n_turns: int) -> None:
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)  # without it no page finds its style sheet
    _, seconds = timed(lambda: _fill(n_votes, n_questions, n_annotators))
    report("filled", votes=n_votes, questions=n_questions, annotators=n_annotators, seconds=seconds)
    _measure_counting()
    for what, url, is_owner in _pages():
        _measure_page(what, url, is_owner, n_turns)


def _measure_counting() -> None:
    from labeling import tasks

    n_counted, seconds = timed(tasks.count_figures)
    report("counted by the periodic task", collections=n_counted, seconds=seconds)


def _pages() -> Iterator[tuple[str, str, bool]]:
    """Yield what a page is, its address, and whether it is asked for by the owner instead of a volunteer."""
    from django.urls import reverse

    from accounts.models import User
    from labeling.models import Question
    from labeling.people import NAMES

    settled = Question.objects.examples().earliest("pk")
    last = max(User.objects.exclude(board_name="").count() // NAMES, 1)
    yield "home", reverse("home"), False
    yield "home, its counts", reverse("counts"), False
    yield "collection", reverse("labeling:collection", args=[SLUG]), False
    yield "collection, its progress", reverse("labeling:progress", args=[SLUG]), False
    yield "board of the site", reverse("labeling:board"), False
    yield "board of the site, its last page", f"{reverse('labeling:board')}?page={last}", False
    yield "board of a collection", reverse("labeling:collection-board", args=[SLUG]), False
    yield "one's own votes", reverse("labeling:my-votes"), False
    yield "one's own votes, where they stand", reverse("labeling:standing"), False
    yield "dashboard", reverse("labeling:dashboard", args=[SLUG]), True
    yield "quality", reverse("labeling:quality", args=[SLUG]), True
    yield "edit", reverse("labeling:edit", args=[SLUG]), True
    yield "examples to choose from", reverse("labeling:examples", args=[SLUG]), True
    yield "gold questions", reverse("labeling:gold", args=[SLUG]), True
    yield "why one label", reverse("labeling:why", args=[SLUG, settled.pk]), True
    yield "pictures of a noun", reverse("labeling:synset-pictures", args=["b00000001"]), False


def _measure_page(what: str, url: str, is_owner: bool, n_turns: int) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username="owner" if is_owner else "annotator-0"))
    with CaptureQueriesContext(connection) as queries:
        if client.get(url).status_code != 200:
            raise RuntimeError(f"Expected a page at {url}.")
    asked = queries.captured_queries
    taken = []
    for _turn in range(n_turns):
        start = time.perf_counter()
        client.get(url)
        taken.append(1000 * (time.perf_counter() - start))
    report(
        what,
        median_ms=statistics.median(taken),
        most_ms=max(taken),
        queries=len(asked),
        slowest_query_ms=1000 * max((float(query["time"]) for query in asked), default=0.0),
    )


# --- The site ---------------------------------------------------------------------------------------------


@transaction.atomic
def _fill(n_votes: int, n_questions: int, n_annotators: int) -> None:
    """Make one collection whose questions each have the same number of votes, by annotators taken at random."""
    from django.db import connection

    from accounts.models import User
    from labeling.models import Collection, Image, Question, Skill, Vote
    from taxonomy.models import Synset
    from taxonomy.models.synsets import analyze, copy_in

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-1000000")
    classes = make_nouns()
    synsets = {synset.wnid: synset for synset in Synset.objects.all()}
    owner = User.objects.create_user("owner")
    collection = Collection.objects.create(slug=SLUG, name="Full", root=synsets["b00000000"], owner=owner)
    collection.set_classes(synsets[wnid] for wnid in classes)
    nouns = np.array([synsets[wnid].pk for wnid in classes])
    User.objects.bulk_create(
        User(username=f"annotator-{i}", password="!", board_name=f"Annotator {i}" if i % 2 else "")
        for i in range(n_annotators)
    )
    people = np.array(
        User.objects.filter(username__startswith="annotator-").order_by("pk").values_list("pk", flat=True)
    )
    Skill.objects.bulk_create(
        [Skill(collection=collection, annotator_id=pk, right=9, wrong=1 + pk % 7) for pk in people.tolist()]
    )
    make_images(n_questions)
    images = Image.objects.order_by("pk").values_list("pk", flat=True)[:n_questions]
    rng = np.random.default_rng(0)
    positions = rng.permutation(n_questions).tolist()
    truth = nouns[rng.integers(0, N_CLASSES, n_questions)]
    per_question = n_votes // n_questions

    def question(place: int, image: int) -> tuple[Any, ...]:
        label, is_gold = int(truth[place]), place % GOLD_EVERY == 0
        state, places, found = (
            ("open", 1, None) if place % OPEN_EVERY == 1 else ("settled", 0, 0.9 + place % 97 / 1000)
        )
        return (collection.pk, image, positions[place], is_gold, False, label if is_gold else None, state,
                places, per_question, label if found else None, found)  # fmt: skip

    columns = ["collection_id", "image_id", "position", "is_gold", "is_starter", "truth_id", "state",
               "open_places", "n_votes", "label_id", "confidence"]  # fmt: skip
    copy_in(Question, columns, (question(place, image) for place, image in enumerate(images)))
    asked = np.array(Question.objects.order_by("pk").values_list("pk", flat=True))
    votes = chain.from_iterable(
        _votes(asked[at : at + BLOCK], truth[at : at + BLOCK], people, nouns, per_question, rng)
        for at in range(0, n_questions, BLOCK)
    )
    columns = ["question_id", "annotator_id", "synset_id", "answer", "taxonomy_version", "cast_at",
               "lease_number"]  # fmt: skip
    copy_in(Vote, columns, ((*row, number) for number, row in enumerate(votes, start=1)))
    analyze(User, Image, Question, Vote, Skill)


def _votes(questions: Any, truth: Any, people: Any, nouns: Any, per_question: int, rng: Any) -> Iterator[Any]:
    """Yield each question's votes, by different annotators; most say its label."""
    now, days = timezone.now(), rng.integers(0, 60, len(questions) * per_question).tolist()
    first = rng.integers(0, len(people), len(questions))
    for turn in range(per_question):
        annotator = people[(first + turn * 7) % len(people)].tolist()
        is_right = rng.random(len(questions)) < SHARE_RIGHT
        said = np.where(is_right, truth, nouns[rng.integers(0, len(nouns), len(questions))]).tolist()
        for place, pk in enumerate(questions.tolist()):
            at = now - timedelta(days=days[turn * len(questions) + place])
            yield pk, annotator[place], said[place], "present", 1, at


if __name__ == "__main__":
    main()
