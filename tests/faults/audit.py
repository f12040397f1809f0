"""What clients were told, held against the rows: nothing is lost, nothing is there twice."""

from collections import Counter
from dataclasses import dataclass

import psycopg

from tests.faults.clients import Notes
from tests.faults.site import Site


@dataclass(frozen=True)
class Audit:
    acknowledged: int
    found: int
    lost: list[str]
    doubled: list[str]


def audit(site: Site, notes: Notes) -> Audit:
    """Look each acknowledged vote, entry and change up."""
    with psycopg.connect(site.servers.urls["DATABASE_URL"]) as connection:

        def column(statement: str) -> list[str]:
            return [str(value) for (value,) in connection.execute(statement)]

        of = {
            "vote": (
                notes.votes,
                column("SELECT lease_number FROM labeling_vote WHERE lease_number IS NOT NULL"),
            ),
            "entry": (
                [key for key, _number in notes.entries],
                column("SELECT token FROM competition_submission WHERE token <> ''"),
            ),
            "change": (notes.changes, column("SELECT reason FROM taxonomy_change")),
        }
        # A vote that was cast twice would be on another lease of the same question.
        again = column(
            """SELECT question_id || ' by ' || annotator_id FROM labeling_vote
               GROUP BY question_id, annotator_id, narrowing_id HAVING count(*) > 1"""
        )
    lost, doubled, n_told, n_found = [], [f"vote on {each}" for each in again], 0, 0
    for what, (told, rows) in of.items():
        there = Counter(rows)
        wanted = {str(each) for each in told}
        n_told += len(wanted)
        n_found += sum(each in there for each in wanted)
        lost += [f"{what} {each}" for each in wanted if each not in there]
        # Changes that made the stage have one reason in common.
        doubled += [f"{what} {each}" for each in wanted if there[each] > 1]
    return Audit(n_told, n_found, lost, doubled)


def unfinished(site: Site) -> int:
    """Return how many entries wait, and how many drafts that were committed."""
    with psycopg.connect(site.servers.urls["DATABASE_URL"]) as connection:
        row = connection.execute(
            """SELECT (SELECT count(*) FROM competition_submission WHERE status IN ('queued', 'running'))
                    + (SELECT count(*) FROM taxonomy_draft WHERE state IN ('queued', 'previewing'))"""
        ).fetchone()
    return int(row[0]) if row else 0
