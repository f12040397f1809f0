"""Every address of the site, asked for by everybody, and the answers in a form in which two walks can be compared."""

import io
import logging
import re
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from datasets import downloads
from datasets.models import Freezing, Snapshot
from datasets.public import read_public
from datasets.publishing import MANIFEST, current_edition
from labeling.splits import TRAIN
from tests.labeling.foretold import of_part
from tests.secrecy.world import Stage, World, undone
from training import trying

# Loggers: ours, and the one that names every address that was refused.
HEARD = (
    "accounts",
    "competition",
    "config",
    "datasets",
    "django.request",
    "labeling",
    "operations",
    "taxonomy",
    "training",
)
# What is another one at each request, whatever it is about.
CHANGING = re.compile(
    r'(name="(?:csrfmiddlewaretoken|token)" value="|X-CSRFToken"\]?(?:: | = )")[A-Za-z0-9]+', re.IGNORECASE
)
HEADERS_OF_A_MOMENT = {"Set-Cookie", "Expires", "X-Request-ID"}


class Address(NamedTuple):
    """Where somebody asks: the name of an address, its arguments, what follows it, and whether htmx asks."""

    name: str
    arguments: tuple[Any, ...] = ()
    query: str = ""
    htmx: bool = False

    def __str__(self) -> str:
        return reverse(self.name, args=self.arguments) + self.query

    @property
    def is_of_programs(self) -> bool:
        return str(self).startswith("/api/")


def names(resolver: URLResolver | None = None, namespace: str = "", before: str = "") -> Iterator[str]:
    """Yield the name of each address; its pattern where it has none. Those of the administration are Django's."""
    for each in (resolver or get_resolver()).url_patterns:
        pattern = before + str(each.pattern)
        if pattern.startswith("admin/"):
            continue
        if isinstance(each, URLResolver):
            yield from names(each, f"{namespace}{each.namespace}:" if each.namespace else namespace, pattern)
        elif isinstance(each, URLPattern):
            yield f"{namespace}{each.name}" if each.name else pattern


def addresses(world: World, stage: Stage) -> list[Address]:
    """Return every address of the site with something there to see."""
    chosen, verified, borrowed = (each.slug for each in (world.chosen, world.verified, world.borrowed))
    collections = [(chosen,), (verified,), (borrowed,)]
    pictures = [(image.sha256,) for image in (world.one.image, world.other.image, *world.twins)]
    nouns = [(noun.wnid,) for noun in (world.cat, world.dog, *world.verified.ordered_classes())]
    snapshots = [(each.collection.slug, each.number) for each in stage.snapshots]
    questions = [
        *((chosen, each.pk) for each in (world.one, world.other)),
        *(
            (verified, pk)
            for each in world.twins
            for pk in each.questions.order_by("pk").values_list("pk", flat=True)
        ),
        *((borrowed, pk) for pk in _keys(world.borrowed.questions)),
    ]
    # A picture that was explained, one that was not, and test pictures, of which nobody is told.
    with_answers = [stage.explanation.sha256, of_part(world.chosen, TRAIN)[0].image.sha256]
    explained = [(stage.run.pk, sha256) for sha256 in [*with_answers, *(each for (each,) in pictures)]]
    explanations = [(stage.run.pk, stage.explanation.pk)]
    runs, drafts = [(stage.run.pk,), (stage.running.pk,)], [(stage.draft.pk,)]
    submissions = [
        (pk,) for pk in stage.submission.phase.submissions.order_by("pk").values_list("pk", flat=True)
    ]
    contests, changes, intake = [(stage.contest.slug,)], [(stage.change.pk,)], [(world.intake.pk,)]
    comments = [(world.comment.pk,)]
    freezings = [(each.collection.slug, each.pk) for each in Freezing.objects.order_by("pk")]
    cat = world.cat.wnid
    kinds = ("rename", "edit", "add_parent", "drop_parent", "move", "merge", "split", "retire", "mark")
    once: list[tuple[Any, ...]] = [()]
    invitations: list[tuple[Any, ...]] = [(stage.invitation.pk,)]
    offers: list[tuple[Any, ...]] = [(stage.offer.pk,)]
    teams: list[tuple[Any, ...]] = [(stage.submission.team_id,)]
    at: dict[str, list[tuple[Any, ...]]] = {
        **dict.fromkeys(
            (
                "home", "counts", "favicon", "health", "set-language", "operations:dashboard", "operations:figures",
                "operations:findings", "operations:metrics", "schema", "api-docs", "api-root", "votes",
                "release-leases",
                "undo-vote", "accounts:sign-in", "accounts:sign-out", "accounts:sign-up", "accounts:account",
                "account_login", "account_inactive", "account_signup", "account_logout", "account_reauthenticate",
                "account_email", "account_change_password", "account_reset_password", "account_set_password",
                "account_reset_password_done", "mfa_authenticate", "mfa_reauthenticate", "mfa_index",
                "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes",
                "mfa_download_recovery_codes", "mfa_generate_recovery_codes",
                "accounts:board-name", "accounts:export", "accounts:forget", "accounts:create-token",
                "taxonomy:synsets", "taxonomy:add", "taxonomy:pick", "taxonomy:changes", "taxonomy:drafts",
                "labeling:collections", "labeling:make", "labeling:pick-root", "labeling:board", "labeling:my-votes",
                "labeling:standing", "labeling:touched-votes", "labeling:all-reports", "labeling:flagged",
                "training:runs", "training:create", "training:compare", "training:try-a-network",
                "competition:contests",
                "synset-list", "draft-list", "change-list", "collection-list", "intake-list", "snapshot-list",
                "run-list", "contest-list", "submission-list",
            ),
            once,
        ),
        **dict.fromkeys(
            (
                "labeling:collection", "labeling:pictures", "labeling:progress", "labeling:meanings",
                "labeling:start", "labeling:label", "labeling:grid-ahead", "labeling:cast-grid",
                "labeling:another-noun", "labeling:edit", "labeling:pick-class", "labeling:change-classes",
                "labeling:open", "labeling:close", "labeling:examples", "labeling:gold", "labeling:duplicates",
                "labeling:disputes", "labeling:dashboard", "labeling:refit", "labeling:quality",
                "labeling:collection-board", "labeling:reports", "datasets:compare", "datasets:changes",
                "datasets:freeze", "training:policy", "collection-training", "collection-freezings",
                "collection-leases", "collection-pictures",
                "collection-refit", "collection-disputes", "collection-predictions", "collection-detail",
            ),
            collections,
        ),
        **dict.fromkeys(
            (
                "labeling:report", "labeling:keep", "labeling:withdraw", "labeling:put-back", "labeling:about",
                "labeling:picture-talk", "labeling:picture", "labeling:display", "labeling:thumbnail",
            ),
            pictures,
        ),
        **dict.fromkeys(
            (
                "taxonomy:synset", "taxonomy:children", "labeling:synset-talk", "labeling:synset-pictures",
                "synset-detail", "synset-hyponyms",
            ),
            nouns,
        ),
        **dict.fromkeys(
            (
                "labeling:delete-comment", "labeling:flag-comment", "labeling:hide-comment",
                "labeling:show-comment",
            ),
            comments,
        ),
        **dict.fromkeys(
            (
                "taxonomy:draft", "taxonomy:draft-state", "taxonomy:commit", "taxonomy:approve", "taxonomy:discard",
                "draft-detail", "draft-approve", "draft-commit", "draft-discard",
            ),
            drafts,
        ),
        **dict.fromkeys(("taxonomy:change", "taxonomy:undo", "change-detail", "change-undo"), changes),
        **dict.fromkeys(("intake-detail", "intake-files"), intake),
        **dict.fromkeys(
            (
                "training:run", "training:live", "training:cancel", "training:predict", "training:mistakes",
                "training:ask-again", "training:nouns-file", "training:answers-file", "training:weights",
                "training:onnx", "training:try", "training:inside", "run-try", "run-answers", "run-mistakes",
                "run-ask-again", "run-detail", "run-enter",
                "training:pause", "training:resume", "training:history-csv", "training:history-json", "run-cancel",
                "run-pause", "run-resume",
            ),
            runs,
        ),
        **dict.fromkeys(("training:why-choose", "run-explanations"), runs),
        **dict.fromkeys(("training:why", "training:why-ask"), explained),
        "training:why-drawn": [
            (*explanations[0], name) for name in ("picture", "grays", "occlusion", "stage-8")
        ],
        **dict.fromkeys(("run-explanation", "run-explanation-file"), explanations),
        **dict.fromkeys(
            (
                "competition:contest", "competition:submit", "contest-detail", "contest-leaderboard",
                "competition:leaderboard", "competition:leaderboard-csv", "competition:leaderboard-json",
                "competition:team", "competition:enter", "competition:rename-team", "competition:invite",
                "competition:offer-merge", "competition:leave-team", "competition:organise", "competition:score-anew",
            ),
            contests,
        ),
        **dict.fromkeys(
            (
                "competition:submission", "competition:submission-state", "submission-detail", "competition:cancel",
                "competition:choose", "competition:submission-file", "competition:card", "competition:edit-card",
                "competition:organise-entry",
            ),
            submissions,
        ),
        **dict.fromkeys(
            ("competition:answer-invitation", "invitation-detail", "invitation-accept", "invitation-decline"),
            invitations,
        ),
        **dict.fromkeys(
            ("competition:answer-offer", "mergeoffer-detail", "mergeoffer-accept", "mergeoffer-decline"),
            offers,
        ),
        "competition:enter-run": [(stage.run.pk, stage.contest.slug)],
        "competition:remove-member": [(stage.contest.slug, 1)],
        **dict.fromkeys(("competition:starter-kit", "contest-entries", "contest-rescorings"), contests),
        **dict.fromkeys(("submission-cancel", "submission-choose", "submission-card"), submissions),
        **dict.fromkeys(("team-list", "invitation-list", "mergeoffer-list"), once),
        **dict.fromkeys(
            (
                "team-detail", "team-rename", "team-invite", "team-remove", "team-leave", "team-offer-merge",
            ),
            teams,
        ),
        **dict.fromkeys(("datasets:snapshot", "datasets:manifest"), snapshots),
        "training:drawing": [
            (stage.run.pk, each.image.sha256, "product-0")
            for each in (world.one, world.other, *trying.examples(stage.run)[:2])
        ],
        "accounts:revoke-token": [("0",)],
        "account_confirm_email": [("old",)],
        "account_reset_password_from_key": [("1", "old")],
        "taxonomy:propose": [(cat, kind) for kind in kinds],
        "labeling:intake": [(chosen, world.intake.pk)],
        "labeling:quiz": [(verified, noun.wnid) for noun in world.verified.ordered_classes()],
        "labeling:why": questions,
        "labeling:cast-vote": [(1,)],
        "question-why": questions,
        **dict.fromkeys(("datasets:freezing", "freezing"), freezings),
        "snapshot-detail": [(each.pk,) for each in stage.snapshots],
        "compare-snapshots": [(stage.snapshot.pk, stage.later.pk), (stage.later.pk, stage.snapshot.pk)],
        "datasets:file": [
            (snapshot.collection.slug, snapshot.number, name) for snapshot, name in stage.files()
        ],
    }  # fmt: skip
    asked = [Address(name, arguments) for name, each in at.items() for arguments in each]
    return [
        *asked,
        *_more(world, stage, cat),
        *(each._replace(htmx=True) for each in asked if each.name in PARTS),
    ]


def _keys(rows: Any) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


# What answers htmx with a part of a page.
PARTS = {
    "datasets:freeze", "datasets:freezing", "taxonomy:children", "taxonomy:draft-state", "taxonomy:pick",
    "labeling:meanings", "labeling:pick-class", "labeling:refit", "labeling:standing", "labeling:synset-pictures",
    "labeling:synset-talk", "labeling:touched-votes", "training:create", "training:live", "training:policy",
    "training:why",
}  # fmt: skip


def _more(world: World, stage: Stage, cat: str) -> Iterator[Address]:
    """Yield lists as they are when somebody chooses what they show, or in which order."""
    for collection in (world.chosen, world.verified):
        at = (collection.slug,)
        for show in ("gold", "known", "settled"):
            yield Address("labeling:gold", at, f"?show={show}")
        yield Address("labeling:examples", at, "?show=all")
        for noun in collection.ordered_classes():
            for show in ("labelled", "named"):
                yield Address("labeling:examples", at, f"?show={show}&noun={noun.wnid}")
            yield Address("labeling:quality", at, f"?noun={noun.wnid}")
            yield Address("labeling:meanings", at, f"?noun={noun.wnid}")
    chosen = (world.chosen.slug,)
    yield Address("datasets:compare", chosen, "?from=1&to=2")
    yield Address("datasets:compare", chosen, "?from=2&to=1")
    yield Address("datasets:changes", chosen, "?from=1&to=2")
    yield Address("training:compare", (), f"?run={stage.run.pk}&run={stage.running.pk}")
    yield Address("training:create", (), f"?snapshot={stage.snapshot.pk}&network=mlp")
    yield Address("training:runs", (), f"?snapshot={stage.snapshot.pk}")
    for picture in (world.one.image, world.other.image):
        for page in ("training:try", "training:inside"):
            yield Address(page, (stage.run.pk,), f"?picture={picture.sha256}")
    contest = (stage.contest.slug,)
    for noun in (cat, world.dog.wnid, world.chosen.root.wnid):
        for board in ("leaderboard", "leaderboard-csv", "leaderboard-json"):
            yield Address(f"competition:{board}", contest, f"?below={noun}")
    yield Address("competition:leaderboard", contest, "?sort=hierarchical_error&q=pairs")
    yield Address("competition:leaderboard", contest, "?part=private")
    yield Address("competition:contest", contest, "?cost=parameters")
    yield Address("taxonomy:synsets", (), "?q=cat")
    yield Address("taxonomy:synsets", (), f"?open={cat}")
    yield Address("taxonomy:pick", (), "?q=cat")
    yield Address("synset-list", (), "?q=cat")


# --- Asking --------------------------------------------------------------------------------------------------------


@dataclass
class Answers:
    """What everybody was answered on one walk, by who asked where; and what was logged meanwhile."""

    told: dict[tuple[str, str], Any] = field(default_factory=dict)
    logged: list[str] = field(default_factory=list)

    def differing(self, others: "Answers") -> set[tuple[str, str]]:
        """Return who was told something else on another walk, and where."""
        asked = self.told.keys() | others.told.keys()
        return {each for each in asked if self.told.get(each) != others.told.get(each)}


def walk(world: World, who: Collection[str] = (), where: Collection[str] = ()) -> Answers:
    """Freeze and compete, then ask for every address as everybody, and as the programs of some; or only as those, and
    at the addresses of those names. Nothing of it is left.
    """
    answers, messages = Answers(), list[str]()
    began = world.clock.at
    with undone(), _heard(messages):
        stage = Stage(world)
        mask = Mask(stage)
        everywhere = [each for each in addresses(world, stage) if not where or each.name in where]
        for asking, client in _clients(world):
            if who and asking not in who:
                continue
            for address in everywhere:
                if _asks(asking, address):
                    answers.told[asking, _words(address)] = _ask(client, address, mask)
    answers.logged = [mask.text(message.encode()) for message in messages]
    world.clock.at = began
    return answers


def _clients(world: World) -> Iterator[tuple[str, Client]]:
    for who, user in world.people.items():
        client = Client()
        if user:
            client.force_login(user)
        yield who, client
    for who, token in world.tokens.items():
        yield f"{PROGRAM_OF}{who}", Client(headers={"Authorization": f"Token {token}"})


PROGRAM_OF = "a program of "
ABOUT_THE_API = ("schema", "api-docs")  # these read no rows, and take long
# A file is the same one whoever asks for it: its view looks at no user.
ASK_FOR_FILES = ("nobody", "voter", "superuser")


def _asks(asking: str, address: Address) -> bool:
    if address.name in ABOUT_THE_API:
        return asking == "nobody"
    if address.name in FILES:
        return asking in ASK_FOR_FILES
    return address.is_of_programs or not asking.startswith(PROGRAM_OF)


def _words(address: Address) -> str:
    return f"{address.name} {address}{' by htmx' if address.htmx else ''}"


def _ask(client: Client, address: Address, mask: "Mask") -> Any:
    response = client.get(str(address), headers={"HX-Request": "true"} if address.htmx else {})
    if address.name in MEASURED:
        return (response.status_code,)
    body = response.getvalue()
    kept = {name: value for name, value in response.headers.items() if name not in HEADERS_OF_A_MOMENT}
    if address.name in FILES and response.status_code == 200:
        name = FILES[address.name] or address.arguments[-1]
        # Both follow from the digest; what the body says is compared instead.
        kept.pop("ETag")
        if name == MANIFEST:
            kept.pop("Content-Length")  # Parquet packs leaves, and one packs a byte better than another
        return response.status_code, kept, mask.file(name, body)
    return response.status_code, mask.headers(kept), mask.text(body)


# They tell of machines and processes, and how many there are of each thing, which is another number at each request.
# Of one picture they say nothing: tests/operations reads what is in them.
MEASURED = {"operations:dashboard", "operations:figures", "operations:findings", "operations:metrics"}
# Where files are to be had, and what they are called where the address does not say so.
FILES = {"datasets:file": "", "competition:starter-kit": "kit.zip"}
# Files that name leaves, or the digest over them.
WITH_LEAVES = (MANIFEST, "manifest.csv", "remainder.csv", "withdrawn.csv", "folders.zip", "card.md")


class _Keeper(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(HEARD):
            self.messages.append(record.getMessage())


@contextmanager
def _heard(messages: list[str]) -> Iterator[None]:
    """Keep what is logged inside, however little it matters."""
    root, keeper = logging.getLogger(), _Keeper(messages)
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(keeper)
    try:
        yield
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)


# --- Comparing -----------------------------------------------------------------------------------------------------


class Mask:
    """Puts a name in place of what follows from digests, salts and the moment: anything else that differs tells."""

    def __init__(self, stage: Stage) -> None:
        self.known: dict[str, str] = {}
        for place, snapshot in enumerate(stage.snapshots):
            self.known |= {value: f"<{name} of {place}>" for value, name in self._of(snapshot).items()}
        self.found = re.compile("|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in self.known))

    def _of(self, snapshot: Snapshot) -> dict[str, str]:
        """Return the values that nobody can foresee, with what they are. Each is known: none is a pattern."""
        edition = current_edition(snapshot)
        values = {
            snapshot.digest: "digest",
            snapshot.seal["rows"]: "rows",
            snapshot.seal["remainder"]: "remainder",
        }
        with edition.open(MANIFEST) as file:
            values |= {row.leaf: f"leaf of {row.sha256}" for row in read_public(file) if row.leaf}
        checksums = {entry.name: entry.sha256 for entry in downloads.listing(edition)}
        values |= {checksums[name]: f"checksum of {name}" for name in WITH_LEAVES}
        n_bytes = edition.files[MANIFEST]["n_bytes"]
        sizes = [
            str(n_bytes),
            f"{n_bytes:,}",
            filesizeformat(n_bytes),
            filesizeformat(n_bytes).replace("\xa0", " "),
        ]
        return values | dict.fromkeys(sizes, f"size of {MANIFEST}")

    def text(self, data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data
        return CHANGING.sub(r"\1<token>", self._masked(text))

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: self._masked(value) for name, value in headers.items()}

    def _masked(self, text: str) -> str:
        return self.found.sub(lambda match: self.known[match[0]], text)

    def file(self, name: str, data: bytes) -> Any:
        """Return what a file of a snapshot says."""
        if name == MANIFEST:
            return [self._masked(str(row)) for row in read_public(io.BytesIO(data))]
        if name.endswith(".zip"):
            return self._zip(data)
        return self.text(data)

    def _zip(self, data: bytes) -> Any:
        """Return the members in their order, each with where it begins, its size and what it says."""
        archive = zipfile.ZipFile(io.BytesIO(data))
        return [
            (each.filename, each.header_offset, each.file_size, self.text(archive.read(each)))
            for each in archive.infolist()
        ]
