import json
import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from operations import checks
from operations.checks import Finding, State

MARKS = {State.OK: "ok     ", State.WARNING: "warning", State.WRONG: "wrong  "}


class Command(BaseCommand):
    help = "Look whether the site is well, and say what to do where it is not. Ends with 1 if something is wrong."
    # It finds out itself what these would stop it for.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "checks", nargs="*", metavar="CHECK", help=f"of {', '.join(checks.CHECKS)}; or all"
        )
        parser.add_argument("--json", action="store_true", help="a list of objects instead of lines")

    def handle(self, *, json: bool, **options: Any) -> None:
        if unknown := [name for name in options["checks"] if name not in checks.CHECKS]:
            raise CommandError(f"Expected checks of {', '.join(checks.CHECKS)}; found {unknown[0]!r}.")
        found = []
        for finding in checks.examine(options["checks"]):
            found.append(finding)
            if not json:
                self._write(finding)
        states = Counter(finding.state for finding in found)
        if json:
            self.stdout.write(_as_json(found))
        else:
            self.stdout.write(", ".join(f"{states[state]} {state}" for state in State) + ".")
        if states[State.WRONG]:
            sys.exit(1)

    def _write(self, finding: Finding) -> None:
        style = {
            State.OK: self.style.SUCCESS,
            State.WARNING: self.style.WARNING,
            State.WRONG: self.style.ERROR,
        }
        advice = f" {finding.advice}" if finding.advice else ""
        self.stdout.write(
            f"{style[finding.state](MARKS[finding.state])}  {finding.check}: {finding.found}{advice}"
        )


def _as_json(found: list[Finding]) -> str:
    return json.dumps([finding.as_json() for finding in found], indent=2)
