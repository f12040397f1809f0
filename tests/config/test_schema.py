"""The description of the API, which programs are written by."""

from pathlib import Path

import pytest
from django.core.management import call_command


def test_the_description_of_the_api_is_made_without_a_warning(tmp_path: Path):
    file = tmp_path / "schema.yml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))

    assert "/api/collections/{slug}/freezings/" in file.read_text()


@pytest.mark.parametrize(
    ("component", "field"), [("LeaderboardRow", "team"), ("SynsetDetail", "becomes"), ("Refit", "took_s")]
)
def test_what_may_be_missing_is_said_to_be_null(client, component, field):
    told = client.get("/api/schema/?format=json").json()["components"]["schemas"]

    assert told[component]["properties"][field]["nullable"]


def test_a_page_of_disputes_is_told_once_with_what_came_of_all(client):
    told = client.get("/api/schema/?format=json").json()["paths"]["/api/collections/{slug}/disputes/"]

    page = told["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert page == {"$ref": "#/components/schemas/Disputes"}


def test_every_operation_tells_how_it_refuses(client):
    told = client.get("/api/schema/?format=json").json()["paths"]

    assert [
        (path, method)
        for path, operations in told.items()
        for method, operation in operations.items()
        if "4XX" not in operation["responses"]
    ] == []
    assert "409" in told["/api/drafts/"]["post"]["responses"]  # what a view says of itself stays
