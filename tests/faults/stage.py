"""Fill an empty site for clients that will meet faults, and print as JSON what they need to know.

    python -m tests.faults.stage N_VOLUNTEERS N_TEAMS N_QUESTIONS

Runs on config.settings, as the processes of the site do.
"""

import json
import os
import sys
from typing import Any

import django

LIMIT = 10_000  # entries of a team, so that no client is refused one


def main() -> None:
    n_volunteers, n_teams, n_questions = map(int, sys.argv[1:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps(_fill(n_volunteers, n_teams, n_questions)))


def _fill(n_volunteers: int, n_teams: int, n_questions: int) -> dict[str, Any]:
    from accounts.models import ApiToken
    from labeling.splits import TEST
    from tests.factories import make_collection, make_many_questions, make_phase, make_snapshot, make_user
    from tests.taxonomy.curators import make_curator

    def token(user: Any) -> str:
        return str(ApiToken.objects.create(user=user, name="faults")[1])

    phase = make_phase(make_snapshot(n_questions=20), limit=LIMIT, failure_limit=LIMIT)
    # As many votes a question as there are volunteers, so that none of them waits for the others.
    asked = make_collection(min_votes=n_volunteers, max_votes=n_volunteers, owner=make_user())
    make_many_questions(asked, [""] * n_questions)  # no file is asked for
    test = [row for row in phase.contest.snapshot.rows() if row.split == TEST]
    return {
        "volunteers": [token(make_user()) for _ in range(n_volunteers)],
        "teams": [token(make_user()) for _ in range(n_teams)],
        "curator": token(make_curator()),
        "owner": token(asked.owner),
        "collection": asked.slug,
        "root": asked.root.wnid,
        "classes": [synset.wnid for synset in asked.ordered_classes()],
        "contest": phase.contest.slug,
        "guesses": "".join(["image,guess_1\n", *(f"{row.sha256},{row.wnid}\n" for row in test)]),
    }


if __name__ == "__main__":
    main()
