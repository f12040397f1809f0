"""Every page, as it is deployed: axe-core finds nothing, not for a visitor nor for whoever runs the site, on a phone,
a tablet nor a wide screen, in light nor in dark; nothing scrolls sideways; and none costs more than budget.py allows.
axe runs every rule of WCAG 2.2 AA and of its own best practice.
"""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts import flood
from accounts.models import ApiToken, User
from datasets.models import Freezing
from labeling import aggregation, reporting, tallying
from labeling.intake import IncomingPicture, add_pictures
from labeling.models import GRID, Collection, Comment, Dispute, Image, Lease, Question, Refit, Target
from labeling.models.refits import SILENT_AFTER
from labeling.receiving import receive, take_in_waiting
from labeling.splits import VAL
from labeling.talking import flag, say
from taxonomy import drafting
from taxonomy.models import Change, Draft
from tests.accounts.second_factors import code_of
from tests.browser import budget
from tests.browser.conftest import OpenPage
from tests.browser.deployed import deployed
from tests.browser.steps import sign_in
from tests.browser.test_pages import add_epochs, submit_all_first_class
from tests.datasets.compared import make_compared
from tests.factories import (
    make_collection,
    make_phase,
    make_photograph,
    make_run,
    make_snapshot,
    make_synset,
    make_user,
    make_vote,
)
from tests.labeling.foretold import make_voted, of_part
from tests.labeling.foretold import say as foretell
from tests.labeling.grids import make_examples, make_verifying
from tests.labeling.judged import make_judged
from tests.labeling.organisers import make_organiser
from tests.labeling.trees import make_menagerie, vote
from tests.labeling.uploads import upload, zipped
from tests.labeling.walks import make_zoo
from tests.taxonomy.curators import make_curator
from tests.training.answered import make_answered_run, make_zoo_run
from tests.training.asked import make_finished
from tests.training.explanations import a_picture, keep_answers, make_explained, make_explanation
from tests.training.explanations import make_finished as make_explicable
from training.models import Explanation, Run
from training.results import Results

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
WIDTHS_PX = (320, 768, 1440)
# Rules that see more than which elements are shown: their colours, and where they lie.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
OF_PLACES = ["target-size", "scrollable-region-focusable"]
SHOWN = "[...document.querySelectorAll('body *')].map((each) => Number(each.checkVisibility())).join('')"

pytestmark = pytest.mark.any_database
KINDS = ("rename", "edit", "add_parent", "drop_parent", "move", "merge", "split", "retire", "mark")
# Who sees which page: the name of its address, whose rows it takes from World.rows, and what follows the address.
PAGES = [
    ("visitor", "home", "", ""),
    ("visitor", "accounts:sign-in", "", ""),
    ("visitor", "accounts:sign-up", "", ""),
    ("visitor", "account_reset_password", "", ""),
    ("visitor", "account_reset_password_done", "", ""),
    ("visitor", "account_confirm_email", "old link", ""),
    ("visitor", "account_reset_password_from_key", "old link in two", ""),
    ("visitor", "labeling:collections", "", ""),
    ("visitor", "labeling:collection", "settled", ""),
    ("visitor", "labeling:collection", "verifying", ""),
    ("visitor", "labeling:meanings", "settled", ""),
    ("visitor", "labeling:meanings", "many nouns", "?page=2"),
    ("visitor", "labeling:board", "", ""),
    ("visitor", "labeling:collection-board", "settled", ""),
    ("visitor", "labeling:about", "picture", ""),
    ("visitor", "labeling:report", "picture", ""),
    ("visitor", "labeling:synset-talk", "noun", ""),
    ("visitor", "labeling:synset-pictures", "noun", ""),
    ("visitor", "taxonomy:synsets", "", ""),
    ("visitor", "taxonomy:synsets", "", "?q=cat"),
    ("visitor", "taxonomy:synsets", "", "?q=nowhere"),
    ("visitor", "taxonomy:synset", "noun", ""),
    ("visitor", "taxonomy:synset", "retired noun", ""),
    ("visitor", "taxonomy:children", "root", ""),
    ("visitor", "taxonomy:changes", "", ""),
    ("visitor", "taxonomy:change", "change", ""),
    ("visitor", "datasets:snapshot", "snapshot", ""),
    ("visitor", "datasets:compare", "compared", ""),
    ("visitor", "datasets:compare", "compared", "?from=1&to=2"),
    ("visitor", "datasets:compare", "settled", ""),
    ("visitor", "training:runs", "", ""),
    ("visitor", "training:run", "run", ""),
    ("visitor", "training:mistakes", "run", ""),
    ("visitor", "training:mistakes", "answered run", ""),
    ("visitor", "training:mistakes", "walked run", ""),
    ("visitor", "training:compare", "", ""),
    ("visitor", "training:why-choose", "run with a network", ""),
    *(
        ("visitor", "training:why", f"why it {each}", "")
        for each in ("can be asked", "waits", "has failed", "is told", "is told without convolutions")
    ),
    ("visitor", "training:try", "asked", ""),
    ("visitor", "training:inside", "asked", ""),
    ("visitor", "training:inside", "finished run", ""),
    ("visitor", "training:try", "run", ""),
    ("visitor", "competition:contests", "", ""),
    ("visitor", "competition:contest", "contest", ""),
    ("visitor", "competition:leaderboard", "contest", ""),
    ("visitor", "competition:leaderboard", "contest", "?sort=top5_error&q=class&below=nowhere"),
    ("guest", "home", "", ""),
    ("guest", "accounts:account", "", ""),
    ("guest", "accounts:forget", "", ""),
    ("guest", "labeling:label", "open", ""),
    ("guest", "labeling:about", "picture", ""),
    ("volunteer", "accounts:account", "", ""),
    ("volunteer", "accounts:forget", "", ""),
    ("volunteer", "account_email", "", ""),
    ("volunteer", "account_change_password", "", ""),
    ("volunteer", "account_reauthenticate", "", ""),
    ("volunteer", "mfa_index", "", ""),
    ("volunteer", "labeling:my-votes", "", ""),
    ("volunteer", "labeling:standing", "", ""),
    ("volunteer", "labeling:touched-votes", "", ""),
    ("volunteer", "labeling:label", "open", ""),
    ("volunteer", "labeling:label", "many nouns", ""),
    ("volunteer", "labeling:label", "walked", ""),
    ("volunteer", "labeling:label", "exhausted", ""),
    ("volunteer", "labeling:label", "verifying", ""),
    ("volunteer", "labeling:quiz", "quiz", ""),
    ("volunteer", "labeling:quiz", "quiz", "?ask"),
    ("volunteer", "labeling:about", "picture", ""),
    ("volunteer", "taxonomy:synset", "noun", ""),
    ("volunteer", "competition:contest", "contest", ""),
    ("volunteer", "competition:leaderboard", "contest", ""),
    ("volunteer", "competition:submit", "contest", ""),
    ("volunteer", "competition:submission", "submission", ""),
    ("volunteer", "competition:card", "submission", ""),
    ("volunteer", "competition:edit-card", "submission", ""),
    ("volunteer", "competition:team", "contest", ""),
    ("organiser", "competition:team", "contest", ""),
    ("organiser", "labeling:collections", "", ""),
    ("organiser", "labeling:make", "", ""),
    ("organiser", "labeling:collection", "settled", ""),
    ("organiser", "labeling:pictures", "settled", ""),
    ("organiser", "labeling:pictures", "verifying", ""),
    ("organiser", "labeling:intake", "upload", ""),
    ("organiser", "labeling:intake", "waiting upload", ""),
    ("organiser", "labeling:edit", "settled", ""),
    ("organiser", "labeling:edit", "empty", ""),
    ("organiser", "labeling:examples", "settled", "?show=all"),
    ("organiser", "labeling:examples", "verifying", "?show=all"),
    ("organiser", "labeling:gold", "settled", "?show=settled"),
    ("organiser", "labeling:gold", "empty", ""),
    ("organiser", "labeling:duplicates", "alike", ""),
    ("organiser", "labeling:duplicates", "empty", ""),
    ("organiser", "labeling:dashboard", "settled", ""),
    ("organiser", "labeling:dashboard", "open", ""),
    ("organiser", "labeling:dashboard", "empty", ""),
    *(
        ("organiser", "labeling:dashboard", f"refit {each}", "")
        for each in ("waiting", "learning", "finished", "failed")
    ),
    *(
        ("organiser", "labeling:why", f"why {each}", "")
        for each in ("settled", "inner noun", "open", "unasked", "verified", "secret")
    ),
    ("organiser", "labeling:quality", "judged", "?noun=nowhere"),
    ("organiser", "labeling:quality", "verifying", ""),
    ("organiser", "labeling:quality", "empty", ""),
    ("organiser", "datasets:freeze", "settled", ""),
    ("organiser", "datasets:freeze", "empty", ""),
    ("organiser", "datasets:snapshot", "snapshot", ""),
    *(
        ("organiser", "datasets:freezing", f"freezing {each}", "")
        for each in ("waiting", "reading", "finished", "failed")
    ),
    ("organiser", "labeling:disputes", "disputed", ""),
    ("organiser", "labeling:disputes", "empty", ""),
    ("organiser", "labeling:why", "why disputed", ""),
    ("organiser", "training:run", "finished run", ""),
    ("organiser", "training:mistakes", "answered run", ""),
    ("organiser", "training:runs", "", ""),
    ("organiser", "training:create", "", ""),
    *(
        ("organiser", "training:create", "", f"?network={network}")
        for network in ("mlp", "alexnet", "resnet")
    ),
    ("organiser", "training:policy", "settled", ""),
    ("organiser", "training:policy", "empty", ""),
    *(("organiser", "training:run", f"{each} run", "") for each in ("queued", "paused", "failed")),
    ("organiser", "labeling:reports", "settled", ""),
    ("organiser", "labeling:flagged", "", ""),
    ("curator", "taxonomy:synsets", "", ""),
    ("curator", "taxonomy:synset", "noun", ""),
    ("curator", "taxonomy:add", "", ""),
    *(
        ("curator", "taxonomy:propose", f"propose {kind}", "")
        for kind in (
            "rename",
            "edit",
            "add_parent",
            "drop_parent",
            "move",
            "merge",
            "split",
            "retire",
            "mark",
        )
    ),
    ("curator", "taxonomy:drafts", "", ""),
    ("curator", "taxonomy:draft", "draft", ""),
    ("curator", "taxonomy:draft", "committed draft", ""),
    ("curator", "taxonomy:change", "change", ""),
    ("staff", "home", "", ""),
    ("staff", "operations:dashboard", "", ""),
    ("staff", "labeling:all-reports", "", ""),
    ("staff", "labeling:flagged", "", ""),
    ("staff", "labeling:about", "picture", ""),
    ("staff", "labeling:collection", "settled", ""),
    ("staff", "datasets:snapshot", "snapshot", ""),
    ("staff", "training:runs", "", ""),
    ("staff", "training:run", "run", ""),
    ("staff", "competition:organise", "contest", ""),
    ("staff", "competition:organise-entry", "submission", ""),
]
# Forms that refuse to be sent empty, in the same words.
FORMS = [
    ("visitor", "accounts:sign-in", "", ""),
    ("visitor", "accounts:sign-up", "", ""),
    ("visitor", "labeling:report", "picture", ""),
    ("visitor", "account_reset_password", "", ""),
    ("volunteer", "account_email", "", ""),
    ("volunteer", "account_change_password", "", ""),
    ("volunteer", "accounts:forget", "", ""),
    ("volunteer", "labeling:quiz", "quiz", "?ask"),
    ("volunteer", "competition:submit", "contest", ""),
    ("organiser", "labeling:make", "", ""),
    ("organiser", "labeling:edit", "settled", ""),
    ("organiser", "labeling:pictures", "settled", ""),
    ("organiser", "training:policy", "settled", ""),
    ("curator", "taxonomy:propose", "propose split", ""),
]
WHO = list(dict.fromkeys(who for who, *_page in PAGES))

# Addresses at which no page of ours is shown, and why.
NO_PAGE = {
    "favicon": "a picture",
    "health": "for programs",
    "set-language": "a button of every page",
    "counts": "a part of the home page",
    "operations:metrics": "for programs",
    "operations:figures": "a part of the page of operations",
    "operations:findings": "a part of the page of operations",
    "accounts:sign-out": "a button",
    "account_login": "the sign-in by django-allauth's name",
    "account_inactive": "the sign-in too",
    "account_logout": "a button",
    "account_signup": "the sign-up by django-allauth's name",
    "account_set_password": "the page of a lost password",
    "mfa_authenticate": "looked at below, after a password",
    "mfa_reauthenticate": "looked at below, after a password",
    "mfa_activate_totp": "looked at below, after a password",
    "mfa_deactivate_totp": "looked at below, after a password",
    "mfa_view_recovery_codes": "looked at below, after a password",
    "mfa_generate_recovery_codes": "looked at below, after a password",
    "mfa_download_recovery_codes": "a file",
    "accounts:board-name": "a button of the account page",
    "accounts:export": "a file",
    "accounts:create-token": "a button of the account page",
    "accounts:revoke-token": "a button of the account page",
    "taxonomy:pick": "a part of forms",
    "taxonomy:undo": "a button of a change",
    "taxonomy:draft-state": "a part of a draft's page",
    "taxonomy:commit": "a button of a draft",
    "taxonomy:approve": "a button of a draft",
    "taxonomy:discard": "a button of a draft",
    "labeling:pick-root": "a part of a form",
    "labeling:pick-class": "a part of a form",
    "labeling:progress": "a part of a collection's page",
    "labeling:start": "a button",
    "labeling:grid-ahead": "a part of the grid's page",
    "labeling:cast-grid": "a button of the grid",
    "labeling:another-noun": "a button of the grid",
    "labeling:change-classes": "a button of the owner's page",
    "labeling:open": "a button of the owner's page",
    "labeling:close": "a button of the owner's page",
    "labeling:refit": "a part of the dashboard, and its button",
    "labeling:cast-vote": "a button of the label page",
    "labeling:keep": "a button of the reports",
    "labeling:withdraw": "a button of the reports",
    "labeling:put-back": "a button of the reports",
    "labeling:picture-talk": "a form of a picture's page",
    "labeling:delete-comment": "a button of a comment",
    "labeling:flag-comment": "a button of a comment",
    "labeling:hide-comment": "a button of a comment",
    "labeling:show-comment": "a button of a comment",
    "labeling:picture": "a picture",
    "labeling:display": "a picture",
    "labeling:thumbnail": "a picture",
    "datasets:file": "a file",
    "datasets:manifest": "leads to a file",
    "datasets:changes": "a file",
    "training:live": "a part of a run's page",
    "training:cancel": "a button of a run",
    "training:pause": "a button of a run",
    "training:resume": "a button of a run",
    "training:history-csv": "a file",
    "training:history-json": "a file",
    "training:predict": "a button of a run",
    "training:ask-again": "a button of the page of mistakes",
    "training:nouns-file": "a file",
    "training:answers-file": "a file",
    "training:why-ask": "a button of the page that says why",
    "training:why-drawn": "a picture",
    "training:try-a-network": "leads to a network to try",
    "training:drawing": "a picture",
    "training:weights": "a file",
    "training:onnx": "a file",
    "competition:submission-state": "a part of a submission's page",
    "competition:submission-file": "a file",
    "competition:leaderboard-csv": "a file",
    "competition:starter-kit": "a file",
    "competition:leaderboard-json": "a file",
    "competition:cancel": "a button of a submission",
    "competition:choose": "a button of a submission",
    "competition:enter-run": "a button of a run",
    "competition:enter": "a button of the page of teams",
    "competition:rename-team": "a button of a team",
    "competition:invite": "a button of a team",
    "competition:offer-merge": "a button of a team",
    "competition:leave-team": "a button of a team",
    "competition:score-anew": "a form of the organiser's page",
    "competition:remove-member": "a button of a team",
    "competition:answer-invitation": "a button of a team",
    "competition:answer-offer": "a button of a team",
}


class World:
    """Something for every page to show, and people to whom it is shown."""

    def __init__(self) -> None:
        self.people: dict[str, User | None] = {
            "visitor": None,
            "guest": User.objects.create_guest(),
            "volunteer": make_user(password="systema naturae"),
            "organiser": make_organiser(),
            "curator": make_curator(),
            "staff": make_user(is_staff=True),
        }
        self.rows: dict[str, list[object]] = {"": [], "old link": ["old"], "old link in two": ["1", "old"]}
        self._make_labels()
        self._make_collections()
        self._make_refits()
        self._make_freezings()
        self._make_uploads()
        self._make_numbers()
        self._make_changes()
        tallying.tally()

    def address(self, view: str, rows: str) -> str:
        return reverse(view, args=self.rows[rows])

    def _make_labels(self) -> None:
        """A collection whose labels are frozen, with talk and a report about a picture and a noun of it."""
        organiser, volunteer = self.people["organiser"], self.people["volunteer"]
        self.snapshot = make_snapshot(n_questions=20)
        collection = self.snapshot.collection
        collection.owner = organiser
        collection.save()
        noun = collection.ordered_classes()[0]
        picture = collection.questions.filter(label=noun).examples().first().image
        for text in ("Is it a cat?", "https://example.org/" + "x" * 90):
            comment = say(picture, volunteer, Comment(text=text))
            say(noun, organiser, Comment(text=text))
        flag(comment, organiser)
        collection.reports.create(image=picture, reporter=volunteer, reason="mine", note="w" * 90)
        other = collection.questions.examples().exclude(image=picture).first().image
        collection.examples.choose(collection, noun, picture, is_good=True, note="whiskers")
        gone = Image.objects.exclude(pk__in=[picture.pk, other.pk]).first()
        collection.reports.create(image=gone, reporter=volunteer, reason="private")
        reporting.withdraw(gone, organiser)
        self.rows |= {
            "settled": [collection.slug],
            "snapshot": [collection.slug, self.snapshot.number],
            "compared": [make_compared().slug],
            "picture": [picture.sha256],
            "noun": [noun.wnid],
            "root": [collection.root.wnid],
        }

    def _make_collections(self) -> None:
        """Collections of both kinds, some with few pictures and some with none left."""
        organiser, volunteer = self.people["organiser"], self.people["volunteer"]
        opened = make_collection(n_questions=6, owner=organiser)
        make_vote(opened, opened.ordered_classes()[0], volunteer)
        make_vote(opened, None, volunteer)
        opened.questions.filter(votes__synset__isnull=False).update(
            state="settled", label=opened.ordered_classes()[1], confidence=0.9, open_places=0
        )
        names = tuple(f"noun {chr(ord('a') + i)}" for i in range(24))
        many = make_collection(n_questions=4, names=names)
        exhausted = make_collection(n_questions=1)
        make_vote(exhausted, None, volunteer)
        verifying = make_verifying(GRID, known_to=volunteer, owner=organiser)
        make_examples(verifying, [True, False])
        unknown = make_verifying(4)
        make_examples(unknown, [True, False])
        alike = make_collection(owner=organiser)
        sizes = [(320, 240), (160, 120), (240, 180)]
        photographs = [IncomingPicture(f"{i}.jpg", make_photograph(7, size)) for i, size in enumerate(sizes)]
        add_pictures(alike, photographs, source="a test", licence="CC0", credit="Ada")
        judged = make_judged(owner=organiser, n_starters=4)
        Question.objects.draw_starters(judged)
        Target.objects.replace(judged, {None: (0.5, 4), judged.ordered_classes()[0].pk: (1.5, 2)})
        self.rows |= {
            "alike": [alike.slug],
            "judged": [judged.slug],
            "open": [opened.slug],
            "many nouns": [many.slug],
            "walked": [make_zoo().slug],
            "exhausted": [exhausted.slug],
            "empty": [make_collection(owner=organiser, is_open=False).slug],
            "verifying": [verifying.slug],
            "quiz": [unknown.slug, unknown.ordered_classes()[0].wnid],
        }
        self._make_questions(verifying)

    def _make_questions(self, verifying: Collection) -> None:
        """Questions in different states, for the page that says why; and one that is secret."""
        organiser = self.people["organiser"]
        menagerie = make_menagerie(4, owner=organiser)
        said = {"settled": ["husky", "husky"], "inner noun": ["dog", "dog"], "open": ["cat", "husky", None]}
        for name, nouns in said.items():
            for each in nouns:
                question = vote(menagerie, each)
            self.rows[f"why {name}"] = [menagerie.slug, question.pk]
        waiting = menagerie.questions.filter(n_votes=0).first()
        aggregation.refit(menagerie)
        disputed = make_voted(60, owner=organiser, uses_predictions=True, target_confidence=0.9)
        foretell(disputed, wrong=of_part(disputed, "train")[:1], sure=0.999)
        aggregation.refit(disputed)
        self.rows |= {
            "disputed": [disputed.slug],
            "why disputed": [disputed.slug, disputed.questions.get(disputes__isnull=False).pk],
        }
        lease = Lease.objects.hand_out_grid(verifying, make_user(), noun=None, count=1).leases[0]
        lease.answer("absent")
        secret = self.snapshot.collection.questions.filter(image__split="test").first()
        self.rows |= {
            "why unasked": [menagerie.slug, waiting.pk],
            "why verified": [verifying.slug, lease.question_id],
            "why secret": [self.snapshot.collection.slug, secret.pk],
        }

    def _make_refits(self) -> None:
        """Collections whose consensus is being learnt, or was."""
        at = timezone.now()
        known = {"n_votes": 12345, "n_iterations": 12, "moved": 0.031, "started_at": at, "heartbeat_at": at}
        states = {
            "waiting": {},
            "learning": {**known, "heartbeat_at": at - SILENT_AFTER},
            "finished": {**known, "finished_at": at},
            "failed": {
                **known,
                "finished_at": at,
                "error": "It broke off; the log of whoever ran it says why.",
            },
        }
        for state, fields in states.items():
            collection = make_collection(n_questions=2, owner=self.people["organiser"])
            Refit.objects.create(collection=collection, cause="growth", state=state, **fields)
            self.rows[f"refit {state}"] = [collection.slug]

    def _make_freezings(self) -> None:
        """Freezings in every state."""
        organiser, now = self.people["organiser"], timezone.now()
        snapshot = self.snapshot
        for state, fields in (
            ("waiting", {}),
            ("reading", {"n_parts": 16, "started_at": now, "heartbeat_at": now}),
            ("finished", {"snapshot": snapshot, "is_new": False, "started_at": now, "finished_at": now}),
            ("failed", {"error": "Expected room for the files; found a full disk.", "finished_at": now}),
        ):
            collection = make_collection(owner=organiser)
            known = {"cause": "asked", "options": {"with_votes": True}, "asked_by": organiser, "state": state}
            freezing = Freezing.objects.create(collection=collection, **known, **fields)
            self.rows[f"freezing {state}"] = [collection.slug, freezing.pk]

    def _make_uploads(self) -> None:
        """One that was taken in, with a file that was refused and two that look alike, and one that waits."""
        organiser, collection = self.people["organiser"], self.snapshot.collection
        alike = {f"{width}.jpg": make_photograph(1, (width, width * 3 // 4)) for width in (400, 300)}
        photos = zipped({**alike, f"{'long' * 20}.txt": b"buy milk"})
        for name in ("upload", "waiting upload"):
            intake = receive(
                collection, [upload(f"{name} {'long' * 20}.zip", photos)], organiser, source="a trip"
            )
            self.rows[name] = [collection.slug, intake.pk]
            if name == "upload":
                take_in_waiting()

    def _make_numbers(self) -> None:
        """A run, a contest and an entry to it; a token."""
        volunteer = self.people["volunteer"]
        run = make_run(self.snapshot, status="running")
        add_epochs(run, 1, 2, 3)
        layer = {"name": "last", "kind": "fully connected", "says": "", "shape": [2]}
        layers = [{**layer, "n_parameters": 1538, "n_multiply_adds": 1536}]
        queued = make_run(self.snapshot, network="alexnet")
        paused = make_run(self.snapshot, network="resnet", status="paused", layers=layers)
        failed = Run.objects.enqueue_usual(self.snapshot, "perceptron", seed=1)
        Run.objects.filter(pk=failed.pk).update(status="failed", error="The snapshot's file was cut short.")
        finished = make_finished("mlp", self.snapshot, hidden=[6, 5])
        asked = make_finished("resnet", self.snapshot, 16, width=4)
        self._make_explanations()
        phase = make_phase(self.snapshot)
        submission = submit_all_first_class(phase, volunteer)
        ApiToken.objects.create(user=volunteer, name="a script with a rather long name, as people give")
        self.rows |= {
            "run": [run.pk],
            "finished run": [finished.pk],
            "answered run": [self._make_answered_run().pk],
            "walked run": [make_zoo_run().pk],
            "queued run": [queued.pk],
            "paused run": [paused.pk],
            "failed run": [failed.pk],
            "asked": [asked.pk],
            "contest": [phase.contest.slug],
            "submission": [submission.pk],
        }

    def _make_answered_run(self) -> Run:
        """A run with mistakes about which people were asked again, with each that can come of it."""
        run = make_answered_run(make_snapshot(owner=self.people["organiser"]), dict.fromkeys(range(6), 0.9))
        found = Results.of(run)
        assert found
        pictures = [each.sha256 for each in found.mistakes(found.answers.surest_mistakes())]
        found.ask_again(pictures[:4], self.people["organiser"])
        for dispute, state in zip(
            Dispute.objects.order_by("-pk"), ("settled", "settled", "undecided"), strict=False
        ):
            label = dispute.claim if dispute.pk % 2 else dispute.label
            Question.objects.filter(pk=dispute.question_id).update(
                state=state, label=label, n_votes=dispute.n_votes + 1, open_places=0
            )
        return run

    def _make_explanations(self) -> None:
        """A network, and pictures that it was asked about."""
        run = make_explicable(self.snapshot)
        keep_answers(run, right=False)
        pictures = {
            "can be asked": a_picture(run),
            "is told": make_explanation(run, a_picture(run, VAL, 1)).sha256,
        }
        Explanation.objects.ask(run, a_picture(run, VAL, 2))
        Explanation.objects.claim_next().fail("Expected the picture a.png in the storage; it is not there.")
        Explanation.objects.ask(run, a_picture(run, VAL, 3))
        pictures |= {"has failed": a_picture(run, VAL, 2), "waits": a_picture(run, VAL, 3)}
        plain = make_explicable(self.snapshot, "mlp")
        told = make_explanation(plain, explained=make_explained(methods=("gradients", "occlusion")))
        self.rows |= {
            "run with a network": [run.pk],
            "why it is told without convolutions": [plain.pk, told.sha256],
            **{f"why it {each}": [run.pk, sha256] for each, sha256 in pictures.items()},
        }

    def _make_changes(self) -> None:
        """A noun to change, changes that are made, and one that waits."""
        curator = self.people["curator"]
        animal = make_synset("creature")
        other = make_synset("beast", animal)
        fox = make_synset("fox", animal, other)
        dodo = make_synset("dodo", animal)
        done = drafting.propose("retire", {"synset": dodo.wnid}, author=curator, reason="None is left.")
        drafting.work_due()
        Draft.objects.get(pk=done.pk).commit()
        drafting.work_due()
        waiting = drafting.propose(
            "rename", {"synset": fox.wnid, "name": "red fox"}, author=curator, reason="It is red."
        )
        drafting.work_due()
        self.rows |= {
            "retired noun": [dodo.wnid],
            "change": [Change.objects.latest("pk").pk],
            "draft": [waiting.pk],
            "committed draft": [done.pk],
            **{
                name: [fox.wnid, name.removeprefix("propose ")]
                for _who, _view, name, _q in PAGES
                if name.startswith("propose ")
            },
        }


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with deployed(tmp_path_factory.mktemp("static")) as server:
        yield server


@pytest.fixture
def world(live_server) -> World:
    return World()


def findings(page: Page) -> Iterator[str]:
    """Yield what is wrong with this page as it stands, on each screen. What is folded away is looked at unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    seen = set()
    for width in WIDTHS_PX:
        page.set_viewport_size({"width": width, "height": 800})
        if (needs := page.evaluate("document.documentElement.scrollWidth")) > width:
            yield f"{width} px: it scrolls sideways, as it needs {needs} px"
        shown = page.evaluate(SHOWN)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if scheme == "light" and shown not in seen:
                rules = {"type": "tag", "values": TAGS}
            else:
                rules = {"type": "rule", "values": OF_COLOURS if scheme == "dark" else OF_PLACES + OF_COLOURS}
            for each in violations(page, rules):
                yield f"{width} px, {scheme}: {each}"
        seen.add(shown)


def violations(page: Page, rules: dict[str, object]) -> Iterator[str]:
    ask = "async (rules) => (await axe.run({ runOnly: rules, resultTypes: ['violations'] })).violations"
    for violation in page.evaluate(ask, rules):
        for node in violation["nodes"]:
            why = " ".join(node["failureSummary"].split())
            yield f"{violation['id']} at {node['target']}: {node['html'][:200]} {why}"


def enter(open_page: OpenPage, live_server, world: World, who: str, **options) -> Page:
    """Open a browser's page as one of the people."""
    page = open_page(**options)
    if user := world.people[who]:
        sign_in(page, live_server, user)
    return page


def visit(page: Page, address: str) -> int:
    """Go to a page, and say with which status it answered."""
    response = page.goto(address)
    settle(page)
    assert response is not None
    return response.status


def settle(page: Page) -> None:
    """Wait until htmx has fetched what it fetches as a page loads."""
    expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)


def as_asked_by(user: User) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


def names(resolver: URLResolver, namespace: str = "", before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name of each address and its pattern."""
    for each in resolver.url_patterns:
        pattern = before + str(each.pattern)
        if isinstance(each, URLResolver):
            inside = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from names(each, inside, pattern)
        elif isinstance(each, URLPattern):
            yield f"{namespace}{each.name}" if each.name else pattern, pattern


# --- Pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO)
def test_nothing_is_wrong_with_the_pages_of(who, open_page, live_server, world):
    page = enter(open_page, live_server, world, who, viewport={"width": WIDTHS_PX[0], "height": 800})
    found = []

    for viewer, view, rows, query in PAGES:
        if viewer == who:
            # As large as a page is first seen; looking at it leaves the screen a wide one.
            page.set_viewport_size({"width": WIDTHS_PX[0], "height": 800})
            assert visit(page, world.address(view, rows) + query) == 200, (view, rows)
            found += [
                f"{view} {rows} {query}: {each}"
                for each in (*budget.beyond(budget.cost(page)), *findings(page))
            ]

    assert not found, "\n".join(found)


def test_every_address_is_looked_at_or_said_to_show_no_page():
    theirs = ("api/", "admin/")  # of programs, and Django's own
    ours = {name for name, pattern in names(get_resolver()) if not pattern.startswith(theirs)}
    looked_at = {view for _who, view, _rows, _query in PAGES}

    assert looked_at | NO_PAGE.keys() == ours
    assert looked_at & NO_PAGE.keys() == set()


# --- What is shown when something was pressed or went wrong ----------------------------------------------------


def test_axe_finds_nothing_on_forms_that_were_refused(open_page, live_server, world):
    people = {who: enter(open_page, live_server, world, who) for who, *_form in FORMS}
    found = []

    for who, view, rows, query in FORMS:
        page = people[who]
        visit(page, world.address(view, rows) + query)
        send_empty(page)
        expect(page.locator(".errorlist, [role=alert]").first, view).to_be_visible()
        found += [f"{view} {rows}: {each}" for each in findings(page)]

    assert not found, "\n".join(found)


def send_empty(page: Page) -> None:
    """Send the largest form of a page with nothing in it, past the browser's own checks and past scripts."""
    with page.expect_navigation():
        page.evaluate(
            """() => {
                const forms = [...document.querySelectorAll("main form[method=post]")];
                const form = forms.sort((a, b) => b.elements.length - a.elements.length)[0];
                for (const field of form.querySelectorAll("input:not([type=hidden]), textarea")) field.value = "";
                HTMLFormElement.prototype.submit.call(form);
            }"""
        )
    settle(page)


def test_axe_finds_nothing_where_a_message_says_what_was_done(open_page, live_server, world):
    page = enter(open_page, live_server, world, "volunteer")
    visit(page, world.address("accounts:account", ""))

    page.get_by_label("Name on boards").fill("Carl L.")
    page.get_by_role("button", name="Keep this name").click()

    expect(page.locator(".messages")).to_be_visible()
    settle(page)
    assert not list(findings(page))


def test_axe_finds_nothing_as_one_switches_a_second_factor_on_and_signs_in_by_it(
    open_page, live_server, world
):
    page = enter(open_page, live_server, world, "volunteer")
    visit(page, reverse("mfa_activate_totp"))
    page.get_by_label("Password").fill("systema naturae")
    page.get_by_role("button", name="Go on").click()
    found = list(findings(page))

    page.get_by_label("Authenticator code").fill(code_of(page.locator("main code").inner_text()))
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    found += findings(page)
    for name in ("mfa_index", "mfa_generate_recovery_codes", "mfa_deactivate_totp", "mfa_reauthenticate"):
        assert visit(page, reverse(name)) == 200
        found += findings(page)

    page.get_by_role("button", name="Sign out").click()
    visit(page, reverse("accounts:sign-in"))
    page.get_by_label("Username").fill(world.people["volunteer"].username)
    page.get_by_label("Password").fill("systema naturae")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    found += findings(page)
    assert not found, "\n".join(found)


def test_axe_finds_nothing_in_the_dialogs_of_the_tree(open_page, live_server, world):
    page = enter(open_page, live_server, world, "curator")
    visit(page, f"/nouns/?open={world.rows['noun'][0]}#here")

    page.keyboard.press("m")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("creat")
    expect(page.get_by_role("option").first).to_be_visible()

    assert not list(findings(page))


def test_axe_finds_nothing_in_a_closer_look_at_a_grid(open_page, live_server, world):
    page = enter(open_page, live_server, world, "volunteer")
    visit(page, world.address("labeling:label", "verifying"))

    page.keyboard.press("Space")
    page.keyboard.press("z")
    expect(page.get_by_role("dialog")).to_be_visible()

    assert not list(findings(page))


def test_axe_finds_nothing_beside_a_picture_that_was_refused(open_page, live_server, world, complaints):
    page = enter(open_page, live_server, world, "organiser")
    visit(page, world.address("labeling:pictures", "settled"))

    bad = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"buy milk"}
    page.locator("#id_files").set_input_files([bad])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Expected a JPEG, PNG or WebP picture").first).to_be_visible()

    assert not list(findings(page))


def test_axe_finds_nothing_on_pages_that_refuse(
    open_page, live_server, world, complaints, settings, monkeypatch
):
    page = enter(open_page, live_server, world, "volunteer")
    assert visit(page, "/nowhere/") == 404
    found = list(findings(page))
    assert visit(page, "/comments/flagged/") == 403
    found += findings(page)
    monkeypatch.setattr("config.views.Collection", None)
    assert visit(page, "/") == 500
    found += findings(page)
    settings.FLOOD_LIMITS = settings.FLOOD_LIMITS | {"reports": (0, 1)}
    flood.spend(as_asked_by(world.people["volunteer"]), "reports")
    other = Image.objects.exclude(sha256=world.rows["picture"][0]).shown().first()
    visit(page, f"{reverse('labeling:report', args=[other.sha256])}")
    page.get_by_label("What is wrong").select_option("private")
    page.get_by_role("button", name="Report it").click()
    expect(page.get_by_role("heading", name="Too much at once")).to_be_visible()
    found += findings(page)

    assert not found, "\n".join(found)
    assert [re.search("[0-9]{3}", each).group() for each in complaints] == ["404", "403", "500", "429"]
    complaints.clear()
