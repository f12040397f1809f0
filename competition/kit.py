"""A Contest -> its starter kit: a zip with what somebody needs for a first entry, made once and kept.

It is made from the public files of the contest's snapshot, which have no test labels, so that it can tell none.
What is in it names it: where a picture is withdrawn or a rule changes, another kit takes its place.
"""

import csv
import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, Self, cast
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.template.loader import render_to_string
from django.utils import translation

from competition.kit_code import code
from competition.kit_samples import as_csv, samples, usual_guesses
from competition.models import Contest
from config.storage import private_storage
from datasets.downloads import open_picture
from datasets.formats.virtual import Picture, PictureData
from datasets.manifest import canonical
from datasets.models import Edition
from datasets.public import WITHDRAWN, read_public
from datasets.publishing import HELD_BACK, MANIFEST, current_edition
from labeling.splits import TEST, VAL

MOST_PICTURE_BYTES = 128 * 2**20  # of test pictures in a kit; more are to be had from the snapshot's archive
TEST_ARCHIVE = "imagefolder/test.zip"
BEGINNING = (1980, 1, 1, 0, 0, 0)  # of the format's time, so that the same kit is the same bytes
_NAME = re.compile(r"([0-9a-f]{64})-([0-9]+)-[0-9a-f]{32}\.zip")


@dataclass(frozen=True)
class Kit:
    """One that is kept. digest: of what is in it."""

    name: str
    digest: str
    n_bytes: int

    def open(self) -> BinaryIO:
        return cast(BinaryIO, private_storage().open(self.name, "rb"))


@dataclass(frozen=True)
class Plan:
    """All that a kit follows from."""

    contest: Contest
    edition: Edition
    readme: str
    with_pictures: bool

    @property
    def digest(self) -> str:
        says = [self.contest.slug, self.readme, code(), self.edition.snapshot.digest, self.edition.key]
        return hashlib.sha256(canonical(says)).hexdigest()


def current_kit(contest: Contest) -> Kit:
    """Return the contest's kit as it has to be today; where it is not there, it is made now.

    Raises datasets.publishing.AtWorkError while the snapshot's own files are being made.
    """
    plan = _plan(contest)
    return _kept(contest, plan.digest) or _make(plan)


def _plan(contest: Contest) -> Plan:
    edition = current_edition(contest.snapshot)
    archive = next((each for each in edition.archives if each["name"] == TEST_ARCHIVE), None)
    with_pictures = archive is not None and archive["n_bytes"] <= MOST_PICTURE_BYTES
    says = {
        "contest": contest,
        "snapshot": contest.snapshot,
        "with_pictures": with_pictures,
        "n_pictures": archive["n_pictures"] if archive else None,
        "example": contest.snapshot.classes[0],
    }
    # Of one language, whoever asks for it first.
    with translation.override(settings.LANGUAGE_CODE):
        readme = render_to_string("competition/starter_kit.md", says)
    return Plan(contest, edition, readme, with_pictures)


def _folder(contest: Contest) -> str:
    return f"kits/{contest.pk}"


def _kept(contest: Contest, digest: str) -> Kit | None:
    """Return a kit that is kept whole. Its name says how large it is, so one that was cut off is none."""
    for kit in _all(contest):
        if kit.digest == digest and private_storage().size(kit.name) == kit.n_bytes:
            return kit
    return None


def _all(contest: Contest) -> Iterator[Kit]:
    try:
        _folders, files = private_storage().listdir(_folder(contest))
    except FileNotFoundError:
        return
    for name in sorted(files):
        if match := _NAME.fullmatch(name):
            yield Kit(f"{_folder(contest)}/{name}", match[1], int(match[2]))


def _make(plan: Plan) -> Kit:
    """Make and keep a kit, and drop those whose place it takes. Two that are made at once have names of their own."""
    with tempfile.TemporaryFile() as file:
        write_kit(plan, file)
        n_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        name = f"{_folder(plan.contest)}/{plan.digest}-{n_bytes}-{uuid4().hex}.zip"
        private_storage().save(name, File(file))
    for kit in _all(plan.contest):
        if kit.digest != plan.digest:
            private_storage().delete(kit.name)
    return Kit(name, plan.digest, n_bytes)


def write_kit(plan: Plan, file: IO[bytes]) -> None:
    """Write the zip. Raises datasets.formats.virtual.PictureFileError where a picture is not as it should be."""
    snapshot, known = plan.contest.snapshot, _Known.of(plan.edition)
    images = [image for image, _file in known.test]
    usual = usual_guesses(known.n_train or dict.fromkeys(snapshot.classes, 1))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        kit = _Folder(archive, f"{plan.contest.slug}-kit")
        kit.add("README.md", plan.readme)
        # Stored, so that the digest in it moves no byte behind it.
        kit.add("kit.json", _about(plan, len(images)), zipfile.ZIP_STORED)
        kit.add("taxonomy.json", canonical(snapshot.taxonomy))
        kit.add("test.csv", _csv(("image", "file"), known.test))
        kit.add("val.csv", _csv(("image", "wnid"), known.val))
        kit.add("sample-val.csv", as_csv([image for image, _wnid in known.val], usual))
        for name, data in samples(images, usual, snapshot.taxonomy).items():
            kit.add(name, data)
        for name, text in code().items():
            kit.add(name, text)
        for picture in known.pictures if plan.with_pictures else ():
            kit.add_picture(f"test/{picture.file_name}", picture)


@dataclass(frozen=True)
class _Known:
    """What anybody may know of a snapshot's pictures, as far as a kit says it.

    test: the SHA-256 and the file of each test picture, in the order that rows of a .npy have. One that was withdrawn
    keeps its place and has no file: rows must not move. val: SHA-256 and wnid. n_train: pictures of each wnid.
    """

    test: list[tuple[str, str]]
    pictures: list[Picture]
    val: list[tuple[str, str]]
    n_train: Counter[str]

    @classmethod
    def of(cls, edition: Edition) -> Self:
        test = [(image, "") for image in _withdrawn(edition)]
        pictures, val, n_train = list[Picture](), list[tuple[str, str]](), Counter[str]()
        with edition.open(MANIFEST) as manifest:
            for row in read_public(manifest):  # some at a time: there may be a million
                if row.split == TEST:
                    test.append((row.sha256, f"test/{row.file_name}"))
                    pictures.append(Picture(row.sha256, row.file_name, row.n_bytes, row.crc32))
                elif row.wnid and row.split == VAL:
                    val.append((row.sha256, row.wnid))
                elif row.wnid:
                    n_train[row.wnid] += 1
        return cls(sorted(test), pictures, val, n_train)


def _withdrawn(edition: Edition) -> list[str]:
    """Return the SHA-256 of each test picture that was withdrawn since."""
    with edition.open(HELD_BACK) as file:
        lines = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
        return [line["sha256"] for line in lines if line["split"] == TEST and line["reason"] == WITHDRAWN]


def _about(plan: Plan, n_test: int) -> str:
    says = {
        "contest": plan.contest.slug,
        "ranked_by": plan.contest.ranked_by,
        "snapshot": plan.edition.snapshot.digest,
        "n_test": n_test,
    }
    return json.dumps(says, indent=1) + "\n"


def _csv(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *lines])
    return file.getvalue()


@dataclass(frozen=True)
class _Folder:
    """The folder that a zip unpacks into."""

    archive: zipfile.ZipFile
    name: str

    def add(self, name: str, data: str | bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
        self.archive.writestr(self._info(name, compression), data)

    def add_picture(self, name: str, picture: Picture) -> None:
        data = b"".join(PictureData(picture, open_picture).read(0, picture.n_bytes))
        self.add(name, data, zipfile.ZIP_STORED)

    def _info(self, name: str, compression: int) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(f"{self.name}/{name}", BEGINNING)
        info.compress_type, info.external_attr = compression, 0o100644 << 16  # a file that everybody may read
        return info
