import io
import subprocess
import sys
import zipfile
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest

from competition import client, client_words
from competition.client import FAILED, REFUSED, SCORED, STOPPED, main
from competition.client_site import Body
from tests.competition.sites import DROP, WrittenSite

ROOT = Path(__file__).resolve().parents[2]
CONTEST, ENTRIES, ENTRY = "GET /api/contests/birds/", "POST /api/submissions/", "GET /api/submissions/7/"
SUBMIT = ["submit", "--contest", "birds"]


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    made = WrittenSite()
    monkeypatch.setenv("NESTWORK_SITE", made.address)
    monkeypatch.setenv("NESTWORK_TOKEN", "secret")
    made.write(CONTEST, (200, contest()))
    yield made
    made.close()


@pytest.fixture
def guesses(tmp_path):
    path = tmp_path / "guesses.csv"
    path.write_text("image,guess_1\n")
    return str(path)


def contest(**said):
    places = {"left": 3, "detail": ""}
    bounds = {"most_bytes": 1000, "most_network_bytes": 2000}
    return {"name": "Birds", "ranked_by": "top1_error", "places": places, **bounds, **said}


def entry(status="queued", **said):
    usual = {
        "id": 7,
        "url": "https://site/submissions/7/",
        "method": "crows",
        "place_in_queue": 1,
        "error": "",
    }
    return {**usual, "scores": [], "status": status, **said}


def score(value=0.25, metric="top1_error", **said):
    return {
        "metric": metric, "part": "public", "n_images": 40, "value": value, "low": None, "high": None, **said,
    }  # fmt: skip


def run(*arguments, waited=None):
    """Run the command; `waited` gets the seconds that it would have slept."""
    return main([*map(str, arguments)], wait=(waited if waited is not None else []).append)


def sent(site):
    """Return the fields of each form that came, by their names."""
    return [
        {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in BytesParser(policy=policy.default)
            .parsebytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
            .iter_parts()
        }
        for body, (_what, headers) in zip(
            site.bodies, [each for each in site.asked if each[0] == ENTRIES], strict=True
        )
    ]


# --- Handing in --------------------------------------------------------------------------------------------------


def test_a_file_is_handed_in_and_its_score_waited_for(site, guesses, capsys):
    site.write(ENTRIES, (201, entry()))
    site.write(ENTRY, (200, entry("running")), (200, entry("scored", scores=[score()])))

    assert run(*SUBMIT, guesses, "--method", "crows") == SCORED

    [form] = sent(site)
    assert form == {"contest": b"birds", "method": b"crows", "file": b"image,guess_1\n"}
    assert all(headers["Authorization"] == "Token secret" for _what, headers in site.asked)
    assert "top1_error  public  40        25.0%" in capsys.readouterr().out


def test_an_entry_that_fails_says_why(site, guesses, capsys):
    site.write(ENTRIES, (201, entry("failed", error="Line 2: expected a noun; found 'crwo'.")))

    assert run(*SUBMIT, guesses) == FAILED

    assert "Line 2: expected a noun; found 'crwo'." in capsys.readouterr().err


def test_a_score_that_is_no_new_best_is_said_to_be_none(site, guesses, capsys):
    site.write(ENTRIES, (201, entry("scored", scores=[score(None)])))

    assert run(*SUBMIT, guesses) == SCORED

    assert "no better than your best so far" in capsys.readouterr().out


def test_it_looks_again_later_and_later(site, guesses):
    site.write(ENTRIES, (201, entry()))
    site.write(ENTRY, *[(200, entry())] * 8, (200, entry("scored")))
    waited: list[float] = []

    run(*SUBMIT, guesses, waited=waited)

    assert len(waited) == 9
    assert waited == sorted(waited)
    assert (waited[0], waited[-1]) == (1.0, client.SLOWEST_LOOK_S)


def test_without_waiting_it_ends_at_once(site, guesses):
    site.write(ENTRIES, (201, entry()))

    assert run(*SUBMIT, guesses, "--no-wait") == SCORED

    assert ENTRY not in [what for what, _headers in site.asked]


def test_a_connection_that_drops_is_tried_again_under_the_same_key(site, guesses):
    site.write(ENTRIES, DROP, (503, b"starting"), (201, entry("scored")))
    waited: list[float] = []

    assert run(*SUBMIT, guesses, waited=waited) == SCORED

    keys = [headers["Idempotency-Key"] for what, headers in site.asked if what == ENTRIES]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert waited == [1.0, 2.0]
    assert sent(site)[0] == sent(site)[2]


def test_two_entries_have_two_keys(site, guesses):
    site.write(ENTRIES, (201, entry("scored")))

    run(*SUBMIT, guesses)
    run(*SUBMIT, guesses)

    assert len({headers["Idempotency-Key"] for what, headers in site.asked if what == ENTRIES}) == 2


def test_a_site_that_does_not_come_back_is_given_up(site, guesses, capsys):
    site.write(ENTRIES, DROP)

    assert run(*SUBMIT, guesses) == REFUSED

    assert "does not answer" in capsys.readouterr().err


def test_the_sites_own_sentence_is_told(site, guesses, capsys):
    site.write(ENTRIES, (400, {"method": ["Expected at most 100 characters."]}))

    assert run(*SUBMIT, guesses) == REFUSED

    assert capsys.readouterr().err == "method: Expected at most 100 characters.\n"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"most_bytes": 13}, "Expected a file of 0 MiB at most"),
        ({"places": {"left": 0, "detail": "The next is free at 2026-11-27 12:00 UTC."}}, "12:00 UTC"),
    ],
)
def test_what_would_be_refused_is_not_sent(site, guesses, capsys, said, found):
    site.written[CONTEST] = [(200, contest(**said))]

    assert run(*SUBMIT, guesses) == REFUSED

    assert found in capsys.readouterr().err
    assert site.bodies == []


def test_a_site_that_has_moved_is_named_and_no_file_follows(site, guesses, capsys):
    site.write(ENTRIES, (301, b"", {"Location": "https://elsewhere.example/api/submissions/"}))

    assert run(*SUBMIT, guesses) == REFUSED

    assert "https://elsewhere.example" in capsys.readouterr().err


def test_stopping_leaves_the_entry_there_and_says_how_to_see_it(site, guesses, capsys):
    site.write(ENTRIES, (201, entry()))

    def stop(_seconds):
        raise KeyboardInterrupt

    assert main([*SUBMIT, guesses], wait=stop) == STOPPED
    assert "python -m competition.client status 7" in capsys.readouterr().out


def test_stopping_while_it_is_sent_says_where_to_look(site, guesses, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(client_words.Bar, "__call__", stop)

    assert run(*SUBMIT, guesses) == STOPPED
    assert f"{site.address}/contests/birds/" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["NESTWORK_SITE", "NESTWORK_TOKEN"])
def test_what_has_to_be_said_is_asked_for_by_name(site, guesses, capsys, monkeypatch, missing):
    monkeypatch.delenv(missing)

    assert run(*SUBMIT, guesses) == REFUSED

    assert missing in capsys.readouterr().err


def test_a_contest_has_to_be_named_outside_of_a_kit(site, guesses, capsys):
    assert run("submit", guesses) == REFUSED
    assert "--contest SLUG" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(site, capsys):
    assert run(*SUBMIT, "nowhere.csv") == REFUSED
    assert "nowhere.csv" in capsys.readouterr().err


def test_what_is_no_site_is_said_to_be_none(site, guesses, capsys):
    site.written[CONTEST] = [(200, b"<h1>Welcome</h1>")]

    assert run(*SUBMIT, guesses) == REFUSED

    assert "Expected the API of a Nestwork site" in capsys.readouterr().err


# --- Looking -----------------------------------------------------------------------------------------------------


def test_contests_are_listed_page_by_page(site, capsys):
    one = {"slug": "birds", "year": 2026, "state": "open", "ranked_by": "top1_error", "name": "Birds"}
    site.write(
        "GET /api/contests/",
        (200, {"results": [one], "next": "more"}),
        (200, {"results": [one | {"slug": "fish"}], "next": None}),
    )

    assert run("contests") == SCORED

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["slug", "birds", "fish"]


def test_a_board_shows_ranks_as_far_as_they_are_known(site, capsys):
    told = {"top1_error": {"value": 0.25, "low": 0.2, "high": 0.31}}
    row = {
        "rank": 2, "rank_low": 2, "rank_high": 4, "team": "Owls", "method": "crows", "grade": "B", "metrics": told,
    }  # fmt: skip
    site.write(
        "GET /api/contests/birds/leaderboard/",
        (
            200,
            {"results": [row, row | {"rank": 1, "rank_low": 1, "rank_high": 1, "team": None}], "next": None},
        ),
    )

    assert run("board", "birds") == SCORED

    [_header, first, second] = capsys.readouterr().out.splitlines()
    assert first.split() == ["2-4", "Owls", "crows", "25.0%", "(20.0%", "to", "31.0%)", "B"]
    assert second.split()[:2] == ["1", "(baseline)"]


def test_an_entry_is_looked_up(site, capsys):
    site.write(ENTRY, (200, entry("queued", place_in_queue=4)))

    assert run("status", 7) == SCORED

    assert capsys.readouterr().out == "Entry 7, crows: queued, 3 before it\n"


def test_names_that_others_chose_give_a_terminal_no_orders(site, capsys):
    site.write(ENTRY, (200, entry("failed", method="\x1b[2Jcrows", error="one\n\x1b]0;two")))

    assert run("status", 7) == FAILED

    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert said.err == "one\n?]0;two\n"


# --- Starter kits ------------------------------------------------------------------------------------------------


def kit(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in {"kit.json": '{"contest": "birds"}', **files}.items():
            archive.writestr(f"birds-kit/{name}", text)
    return file.getvalue()


def test_a_kit_is_unpacked_and_knows_its_site(site, guesses, monkeypatch, tmp_path):
    site.write("GET /contests/birds/starter-kit/", (200, kit()))
    site.write(ENTRIES, (201, entry("scored")))

    assert run("kit", "birds") == SCORED

    monkeypatch.chdir(tmp_path / "birds-kit")
    monkeypatch.delenv("NESTWORK_SITE")
    assert run("submit", guesses) == SCORED


def test_a_download_that_is_no_kit_is_refused(site, capsys):
    site.write("GET /contests/birds/starter-kit/", (200, b"hello"))

    assert run("kit", "birds") == REFUSED

    assert "Expected a starter kit of 5 bytes" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [(0, SCORED), (1, REFUSED)])
def test_a_file_is_checked_by_the_kits_own_program(site, guesses, capfd, status, code):
    program = f"import sys; print(sys.argv[1:]); sys.exit({status})"
    site.write("GET /contests/birds/starter-kit/", (200, kit(**{"score.py": program})))

    assert run("check", guesses, "--contest", "birds") == code

    assert capfd.readouterr().out == f"['--check', '{guesses}']\n"
    assert ENTRIES not in [what for what, _headers in site.asked]


# --- On its own --------------------------------------------------------------------------------------------------


def test_it_runs_where_there_is_no_django(site, guesses):
    site.write(ENTRIES, (201, entry("scored", scores=[score()])))
    blocked = ("django", "rest_framework", "numpy", "celery")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "from competition.client import main\nsys.exit(main(sys.argv[1:]))"
    )

    found = subprocess.run(
        [sys.executable, "-c", program, *SUBMIT, guesses],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (found.returncode, found.stderr) == (SCORED, "")
    assert "25.0%" in found.stdout


def test_a_file_is_read_as_it_is_sent(tmp_path):
    path = tmp_path / 'a "b".npy'
    path.write_bytes(bytes(range(256)) * 4)
    progress: list[tuple[int, int]] = []

    with path.open("rb") as file:
        body = Body({"contest": "birds"}, path, file, lambda *told: progress.append(told))
        pieces = list(iter(lambda: body.read(100), b""))

    assert max(map(len, pieces)) == 100
    assert sum(map(len, pieces)) == len(body)
    assert progress[-1] == (len(body), len(body))
    assert b'filename="a %22b%22.npy"' in b"".join(pieces)


def test_a_terminal_sees_how_far_a_file_is():
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    bar = client_words.Bar("Sending", out, clock=iter([0.0, 1.0, 1.05, 2.0]).__next__)

    bar(client_words.MIB, 4 * client_words.MIB)
    bar(client_words.MIB + 1, 4 * client_words.MIB)  # too soon to be drawn
    bar(4 * client_words.MIB, 4 * client_words.MIB)
    bar.close()

    first, last = out.getvalue().strip("\r\n").split("\r")
    assert first.startswith("Sending [#######.......................]  25% of 4.0 MiB, 1.0 MiB/s")
    assert last.startswith("Sending [##############################] 100% of 4.0 MiB, 2.0 MiB/s")


def test_a_file_of_log_lines_sees_no_bar():
    out = io.StringIO()

    bar = client_words.Bar("Sending", out)
    bar(4, 4)
    bar.close()

    assert out.getvalue() == ""
