import os
import secrets
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from competition import leaderboard
from competition.models import Contest, Submission
from competition.tasks import score_queued
from config.serve import PortInUseError, Supervisor, check_port, site, var_dir, wait
from datasets.models import Snapshot
from demo import entrants, story, volunteers
from labeling.models import Collection
from training.models import Run
from training.tasks import train_queued

POLL_S = 0.5


class Command(BaseCommand):
    help = "Run the main job on real pictures from end to end, then serve the site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="end after the leaderboard")
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *, no_serve: bool, port: int, **options: Any) -> None:
        try:
            if not no_serve:
                check_port(port)
            call_command("migrate", verbosity=0)
            with site(None if no_serve else port) as supervisor:
                self._tell(supervisor)
                if not no_serve:
                    self._invite(port)
                    wait(supervisor)
        except KeyboardInterrupt as interrupt:
            raise CommandError("Stopped. Run it again to go on from here.") from interrupt
        except (PortInUseError, story.RunFailedError) as error:
            raise CommandError(str(error)) from error

    def _tell(self, supervisor: Supervisor) -> None:
        self._say(f"Taxonomy: {story.plant_taxonomy()} nouns added.")
        collection = story.open_collection()
        self._take(collection, story.FOR_THE_CROWD)
        if not collection.snapshots.exists():
            self._label(collection)
        report = story.settle(collection)
        snapshot = story.freeze_once(collection)
        self._take(collection, story.FOR_VISITORS)
        self._say(f"{snapshot}: {snapshot.n_images:,} pictures, digest {snapshot.digest[:16]}.")
        contest = story.open_contest(snapshot)
        entries = [entrants.hand_in_neighbours(contest)]
        runs = self._train(supervisor, snapshot, contest)
        entries.append(entrants.hand_in_network(contest, runs[0]))
        self._wait_for(supervisor, entries)
        self._print_board(contest)
        self._say(
            f"\nConsensus of {report.n_votes:,} votes on {report.n_questions:,} pictures: {report.accuracy:.2%} of "
            f"the digits right; plain majority of the same votes: {report.majority_accuracy:.2%}."
        )

    def _take(self, collection: Collection, chosen: slice) -> None:
        bar = self._bar(unit=" pictures", total=chosen.stop - chosen.start, desc="Pictures")
        n_added = story.take_pictures(collection, chosen, lambda scans: self._count(scans, bar))
        self._say(f"Pictures: {n_added:,} added to {collection}.")

    def _count(self, scans: Any, bar: Any) -> Any:
        with bar:
            for scan in scans:
                yield scan
                bar.update()

    def _label(self, collection: Collection) -> None:
        crowd = volunteers.recruit()
        with self._bar(unit=" votes", desc="Simulated volunteers") as bar:
            truth = story.known_answers(collection)
            n_cast = volunteers.label_everything(collection, crowd, truth, bar.update)
        self._say(f"Votes: {n_cast:,} cast by {len(crowd)} simulated volunteers, 80 to 95 of 100 right.")

    def _train(self, supervisor: Supervisor, snapshot: Snapshot, contest: Contest) -> list[Run]:
        runs = story.queue_runs(snapshot)
        train_queued.delay()
        n_epochs = sum(run.n_epochs for run in runs)
        with self._bar(unit=" epochs", total=n_epochs, desc="Training in the worker") as bar:
            while not story.is_scored(contest, runs):
                bar.update(sum(run.epochs_done for run in runs) - bar.n)
                self._rest(supervisor)
            bar.update(n_epochs - bar.n)
        return runs

    def _wait_for(self, supervisor: Supervisor, entries: list[Submission]) -> None:
        """What a machine cannot run confined is refused with a reason, which is an end too."""
        score_queued.delay()
        while any(entry.is_unfinished for entry in entries):
            self._rest(supervisor)
            for entry in entries:
                entry.refresh_from_db()
        for entry in entries:
            if entry.error:
                self._say(f"{entry.method}: {entry.error}")

    def _rest(self, supervisor: Supervisor) -> None:
        for name in supervisor.restart_dead():
            self._say(f"The {name} process had died and was started again.")
        time.sleep(POLL_S)

    def _print_board(self, contest: Contest) -> None:
        rows = leaderboard.rows(contest)
        self._say(
            f"\n{contest}, {rows[0]['n_images']} hidden test pictures, top-1 error with its 95 % interval:"
        )
        for row in rows:
            error = row["ranked"]
            self._say(
                f"  {row['rank']}. {row['method']:<22} {error['value']:6.2%}  "
                f"({error['low']:.2%} to {error['high']:.2%})"
            )

    def _invite(self, port: int) -> None:
        password = secrets.token_urlsafe(12)
        curator = story.make_login(password)
        self._say(
            f"\nNestwork is at http://127.0.0.1:{port}/ until you press Ctrl-C. Logs: {var_dir() / 'logs'}\n"
            f"Sign in as {curator.username} with the password {password}, made for this run."
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _bar(self, **options: Any) -> Any:
        # disable=None draws the bar on a terminal only, so log files stay short.
        return tqdm(disable=None, leave=False, **options)
