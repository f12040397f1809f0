"""How a snapshot is used: lines to copy that load, fetch and prove it, and cite it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from datasets.models import Snapshot

MANIFEST, FOLDERS, SUMS = "manifest.parquet", "folders.zip", "SHA256SUMS"
_IMAGEFOLDER = "imagefolder/"
_SHARD = re.compile(r"webdataset/train-(\d{6})\.tar")
UrlOf = Callable[[str], str]  # from a file's name to its whole address


@dataclass(frozen=True)
class Lines:
    """Lines to copy, and what they do."""

    title: str
    text: str
    words: str = ""


def lines(names: Sequence[str], url_of: UrlOf) -> list[Lines]:
    """Return what loads and fetches the files of these names, as far as they are there."""
    found = [
        _imagefolder(names, url_of),
        _manifest(url_of),
        _webdataset(names, url_of),
        _requests(names, url_of),
        _curl(names, url_of),
    ]
    return [each for each in found if each]


def _imagefolder(names: Iterable[str], url_of: UrlOf) -> Lines | None:
    archives = {
        name.removeprefix(_IMAGEFOLDER).removesuffix(".zip"): url_of(name)
        for name in names
        if name.startswith(_IMAGEFOLDER)
    }
    if not archives:
        return None
    listed = "".join(f'    "{split}": "{url}",\n' for split, url in archives.items())
    return Lines(
        _("Hugging Face datasets"),
        "from datasets import load_dataset\n"
        f'pictures = load_dataset("imagefolder", data_files={{\n{listed}}})',
        _("It needs the packages datasets, pillow and aiohttp. Labels of test pictures are null."),
    )


def _manifest(url_of: UrlOf) -> Lines:
    return Lines(
        _("The labels alone, with pandas and pyarrow"),
        f'import pandas\nrows = pandas.read_parquet("{url_of(MANIFEST)}")',
        _("Each row names its picture by the SHA-256 of its file."),
    )


def _webdataset(names: Iterable[str], url_of: UrlOf) -> Lines | None:
    shards = sorted(name for name in names if _SHARD.fullmatch(name))
    if not shards:
        return None
    url = url_of(shards[-1])
    if len(shards) > 1:
        url = re.sub(r"(\d{6})\.tar$", r"{000000..\1}.tar", url)
    return Lines(
        _("WebDataset, while it downloads"),
        "import webdataset\n"
        f'shards = webdataset.WebDataset("{url}", shardshuffle=False)\n'
        'pictures = shards.decode("pil").to_tuple("jpg;png;webp", "cls")',
        _("The library fetches with curl. The validation part has shards of its own."),
    )


def _requests(names: Sequence[str], url_of: UrlOf) -> Lines | None:
    if FOLDERS not in names:
        return None
    return Lines(
        _("Python alone, going on where a download broke off"),
        f"""\
import os, requests
name, url = "{FOLDERS}", "{url_of(FOLDERS)}"
n_there = os.path.getsize(name) if os.path.exists(name) else 0
ask = {{"Range": f"bytes={{n_there}}-"}}
with requests.get(url, headers=ask, stream=True, timeout=60) as answer:
    if answer.status_code != 416:  # there is more of it
        answer.raise_for_status()
        with open(name, "ab" if answer.status_code == 206 else "wb") as file:
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)""",
    )


def _curl(names: Sequence[str], url_of: UrlOf) -> Lines:
    name = FOLDERS if FOLDERS in names else MANIFEST
    return Lines(
        _("In a shell, with the checksums"),
        f"curl -C - --retry 5 -L -O {url_of(name)}\n"
        f"curl -L -O {url_of(SUMS)}\n"
        f"sha256sum --check --ignore-missing {SUMS}",
        _("Where the first line broke off, run it again: it goes on."),
    )


def proof(snapshot: Snapshot, url_of: UrlOf) -> str:
    """Return a program that works out the digest anew from what can be downloaded; "" for a snapshot without seal."""
    if not snapshot.seal:
        return ""
    files = url_of(MANIFEST).removesuffix(MANIFEST)
    return f"""\
import csv, hashlib, io, json
import pyarrow.parquet, requests

def fetch(name):
    answer = requests.get("{files}" + name, timeout=600)
    answer.raise_for_status()
    return answer.content

def sha256(value):  # of bytes as they are, of all else as JSON
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(value).hexdigest()

seal = json.loads(fetch("seal.json"))
assert sha256(seal) == "{snapshot.digest}"
assert sha256(json.loads(fetch("taxonomy.json"))) == seal["taxonomy"]

names = "sha256 file_name wnid synset confidence n_votes split licence credit n_bytes crc32".split()
rows = pyarrow.parquet.read_table(io.BytesIO(fetch("manifest.parquet"))).to_pylist()
leaves = {{row["sha256"]: row["leaf"] or sha256([row[name] for name in names]) for row in rows}}
for row in csv.DictReader(io.StringIO(fetch("withdrawn.csv").decode())):
    leaves[row["sha256"]] = row["leaf"]
assert sha256(b"".join(bytes.fromhex(leaves[key]) for key in sorted(leaves))) == seal["rows"]
print(len(leaves), "rows are those that were frozen.")"""


def bibtex(snapshot: Snapshot, url: str) -> str:
    """Return how a text names the snapshot, for BibTeX."""
    plain = re.sub(r"[\\{}~^]", "", snapshot.collection.name)
    name = re.sub(r"([&%$#_])", r"\\\1", plain)
    return f"""\
@misc{{{snapshot.collection.slug}-{snapshot.number},
  title = {{{{{name}, snapshot {snapshot.number}}}}},
  author = {{{{The volunteers of Nestwork}}}},
  year = {{{snapshot.created_at.year}}},
  howpublished = {{\\url{{{url}}}}},
  note = {{SHA-256 {snapshot.digest}}}
}}"""
