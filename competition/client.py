"""Contests from a command line: python -m competition.client submit FILE --contest SLUG

Python's own library and requests, never Django: it runs out of a contest's starter kit, far from the site.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from competition.client_site import BLOCK, Site, SiteError
from competition.client_words import (
    Bar,
    board_lines,
    contest_lines,
    plain,
    plain_lines,
    score_lines,
    state_words,
)

SCORED, FAILED, REFUSED, STOPPED = 0, 1, 2, 130
FIRST_LOOK_S, SLOWEST_LOOK_S, SLOWER = 1.0, 15.0, 1.5
UNFINISHED = ("queued", "running")
NETWORKS = (".onnx", ".safetensors")
EPILOG = """\
ends with 0 where an entry was scored, 1 where it failed or was cancelled, 2 where something was refused

The site and your token may come from NESTWORK_SITE and NESTWORK_TOKEN. In a starter kit's folder, --contest and
--site are known.
"""


def main(arguments: Sequence[str] | None = None, wait: Callable[[float], None] = time.sleep) -> int:
    """Do what the command line says; return what the process ends with."""
    options = command_parser().parse_args(arguments)
    options.kit_says = _kit_says(Path(options.kit) if getattr(options, "kit", None) else Path())
    try:
        return int(options.run(options, _site(options, wait)))
    except (SiteError, OSError) as error:
        _say(plain_lines(str(error)), sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        _say("Stopped.", sys.stderr)
        return STOPPED


def command_parser() -> argparse.ArgumentParser:
    """What the command line may say; the reference is made of it."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--site", default=os.environ.get("NESTWORK_SITE"), help="its address, with https://")
    common.add_argument(
        "--token",
        default=os.environ.get("NESTWORK_TOKEN"),
        help="of your account's page; better in NESTWORK_TOKEN, where no list of processes shows it",
    )
    parser = argparse.ArgumentParser(
        prog="python -m competition.client",
        description="Take part in the contests of a Nestwork site.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Any, Site], int], does: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[common], help=does, description=does)
        made.set_defaults(run=run)
        return made

    command("contests", _contests, "list the contests")
    command("board", _board, "show a leaderboard").add_argument("slug", nargs="?", metavar="SLUG")
    command("status", _status, "show one of your entries").add_argument("number", type=int, metavar="ID")
    kit = command("kit", _kit, "download and unpack a starter kit")
    kit.add_argument("slug", metavar="SLUG")
    kit.add_argument("--to", type=Path, default=Path(), metavar="FOLDER", help="where its folder is made")
    check = command("check", _check, "check a file of guesses here, before it is sent")
    check.add_argument("--kit", type=Path, metavar="FOLDER", help="the starter kit; without it, downloaded")
    submit = command("submit", _submit, "hand in a file and wait for its score")
    submit.add_argument("--method", help="how it was made, in a few words; without it, the file's name")
    submit.add_argument("--no-wait", action="store_true", help="end once it is handed in")
    for each in (check, submit):
        each.add_argument("file", type=Path, metavar="FILE")
        each.add_argument("--contest", metavar="SLUG")
    return parser


def _kit_says(folder: Path) -> dict[str, str]:
    """Return what the starter kit in `folder` says of its contest; nothing where there is none."""
    try:
        found = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _site(options: argparse.Namespace, wait: Callable[[float], None]) -> Site:
    return Site(options.site or options.kit_says.get("site", ""), options.token or "", wait)


def _slug(options: argparse.Namespace, given: str | None) -> str:
    slug = given or options.kit_says.get("contest")
    if not slug:
        raise SiteError("Expected --contest SLUG; the command contests lists them.")
    return str(slug)


def _contests(options: argparse.Namespace, site: Site) -> int:
    _say(contest_lines(site.contests()))
    return SCORED


def _board(options: argparse.Namespace, site: Site) -> int:
    slug = _slug(options, options.slug)
    _say(board_lines(site.board(slug), site.contest(slug)["ranked_by"]))
    return SCORED


def _status(options: argparse.Namespace, site: Site) -> int:
    return _told(site.submission(options.number))


def _kit(options: argparse.Namespace, site: Site) -> int:
    folder = unpack_kit(site, options.slug, options.to)
    _say(f"Unpacked into {folder}; its README.md says how to go on.")
    return SCORED


def unpack_kit(site: Site, slug: str, into: Path) -> Path:
    """Download a contest's starter kit and unpack it below `into`; return its folder, which knows the site."""
    bar = Bar("Downloading", sys.stderr)
    with TemporaryFile() as file:
        with site.download(f"contests/{slug}/starter-kit/") as response:
            n_bytes, n_read = int(response.headers.get("Content-Length", 0)), 0
            for chunk in response.iter_content(BLOCK):
                n_read += file.write(chunk)
                bar(n_read, n_bytes)
        bar.close()
        try:
            with zipfile.ZipFile(file) as archive:
                archive.extractall(into)
                folder = into / archive.namelist()[0].split("/")[0]
        except (zipfile.BadZipFile, IndexError) as error:
            raise SiteError(
                f"Expected a starter kit of {n_bytes} bytes; found {n_read} that are none."
            ) from error
    said = _kit_says(folder) | {"site": site.address}
    (folder / "kit.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return folder


def _check(options: argparse.Namespace, site: Site) -> int:
    """Run the kit's own check on the file, so that what it says is what the site will say."""
    folder = options.kit or (Path() if options.kit_says else None)
    if folder is None:
        slug = _slug(options, options.contest)
        folder = Path(f"{slug}-kit")
        folder = folder if _kit_says(folder) else unpack_kit(site, slug, Path())
    program = [sys.executable, str(folder / "score.py"), "--check", str(options.file)]
    return SCORED if subprocess.run(program, check=False).returncode == 0 else REFUSED


def _submit(options: argparse.Namespace, site: Site) -> int:
    if not site.token:
        raise SiteError("Expected NESTWORK_TOKEN or --token: a token of the page of your account.")
    slug = _slug(options, options.contest)
    _refuse_early(site.contest(slug), options.file)
    bar = Bar("Sending", sys.stderr)
    fields = {"contest": slug, "method": options.method or options.file.name[:100]}
    try:
        entry = site.submit(fields, options.file, bar)
    except KeyboardInterrupt:
        _say(f"Stopped before the site answered. Your entries: {site.address}/contests/{slug}/", sys.stderr)
        return STOPPED
    finally:
        bar.close()
    number = entry["id"]
    _say(f"Handed in as entry {number}: {entry['url']}")
    if options.no_wait:
        return SCORED
    try:
        return _told(_waited(site, entry))
    except KeyboardInterrupt:
        _say(f"The entry stays there. See what becomes of it: python -m competition.client status {number}")
        return STOPPED


def _refuse_early(contest: dict[str, Any], path: Path) -> None:
    """Raise SiteError for what the site would refuse after all of it has been sent."""
    is_network = path.suffix.lower() in NETWORKS
    n_bytes, most = path.stat().st_size, contest["most_network_bytes" if is_network else "most_bytes"]
    if n_bytes > most:
        raise SiteError(
            f"Expected a file of {most / 2**20:,.0f} MiB at most; found {n_bytes / 2**20:,.1f} MiB."
        )
    places = contest["places"]
    if places and not places["left"]:
        raise SiteError(f"No place is left in {contest['name']}: {places['detail']}")


def _waited(site: Site, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry once it has ended. Each look comes later than the one before."""
    said, look_s = "", FIRST_LOOK_S
    while entry["status"] in UNFINISHED:
        if state_words(entry) != said:
            said = state_words(entry)
            _say(said, sys.stderr)
        site.pause(look_s)
        look_s = min(look_s * SLOWER, SLOWEST_LOOK_S)
        entry = site.submission(entry["id"])
    return entry


def _told(entry: dict[str, Any]) -> int:
    """Write what became of an entry; return what the process ends with."""
    _say(f"Entry {entry['id']}, {plain(entry['method'])}: {state_words(entry)}")
    if entry["status"] == "scored":
        _say(score_lines(entry))
    if entry["error"]:
        _say(plain_lines(entry["error"]), sys.stderr)
    return FAILED if entry["status"] in ("failed", "cancelled") else SCORED


def _say(text: str, out: Any = None) -> None:
    (out or sys.stdout).write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
