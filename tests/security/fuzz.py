"""Requests that nobody would think of, made from the description of the API: `python -m tests.security.fuzz`.

Each is what the description allows, or breaks it in some way; most are about rows that are there. An answer has to be
what the description says it is, and never a fault of the site.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from config.wsgi import application
from labeling.models.choices import forget_kept
from labeling.models.days import forget_noted
from tests.secrecy.walking import addresses
from tests.secrecy.world import Stage

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
N_EXAMPLES, SEED = 6, 28  # examples of each operation
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def fuzz(stage: Stage, token: str | None, n_examples: int, seeded: int) -> Iterator[str]:
    """Ask for every operation of the API, as whom the token is of; yield what is wrong with an answer, and what
    was asked. Nothing of it stays.
    """
    headers = {"Authorization": f"Token {token}"} if token else {}
    # A server looks after its connections between requests, and would close one that is in a transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    paths = {str(each).partition("?")[0] for each in addresses(stage.world, stage) if each.is_of_programs}
    for found in schemathesis.openapi.from_wsgi("/api/schema/?format=json", whole).get_all_operations():
        operation = found.ok()
        try:
            _ask(_cases(operation, paths), headers, n_examples, seeded)
        except (Failure, FailureGroup) as wrong:
            yield f"{operation.label}: {_words(wrong)}"
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def whole(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer as the site does, all at once, and close what was answered as a server would."""
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def _cases(operation: Any, paths: set[str]) -> SearchStrategy[Any]:
    """Return requests: three in four with a path at which something is, where there is any."""
    pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path))
    known = [
        match.groupdict() for match in map(pattern.fullmatch, sorted(paths)) if match and match.groupdict()
    ]
    anywhere = st.sampled_from(MODES).flatmap(operation.as_strategy)
    if not known:
        return anywhere
    there = st.tuples(st.sampled_from(MODES), st.sampled_from(known)).flatmap(
        lambda chosen: operation.as_strategy(chosen[0], path_parameters=chosen[1])
    )
    return there | there | there | anywhere


def _ask(cases: SearchStrategy[Any], headers: dict[str, str], n_examples: int, seeded: int) -> None:
    @seed(seeded)
    @settings(
        max_examples=n_examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def asked(case: Any) -> None:
        with transaction.atomic():
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        forget_kept()
        forget_noted()
        case.validate_response(response, checks=CHECKS)

    asked()


def _words(wrong: Failure | FailureGroup) -> str:
    if isinstance(wrong, FailureGroup):
        return "\n".join(map(str, wrong.exceptions))
    return str(wrong)


def main() -> int:
    """Run tests/security/test_fuzz.py with more examples. They have a database, and throw it away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="of each operation (100)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another one makes other requests ({SEED})")
    told = parser.parse_args()
    os.environ["FUZZ_EXAMPLES"], os.environ["FUZZ_SEED"] = str(told.examples), str(told.seed)
    return int(pytest.main(["-q", "tests/security/test_fuzz.py"]))


if __name__ == "__main__":
    sys.exit(main())
