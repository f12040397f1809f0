"""The description of the API, which programs are written by."""

from pathlib import Path

from django.core.management import call_command


def test_the_description_of_the_api_is_made_without_a_warning(tmp_path: Path):
    file = tmp_path / "schema.yml"

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))

    assert "/api/collections/{slug}/freezings/" in file.read_text()


def test_every_operation_tells_how_it_refuses(client):
    told = client.get("/api/schema/?format=json").json()["paths"]

    assert [
        (path, method)
        for path, operations in told.items()
        for method, operation in operations.items()
        if "4XX" not in operation["responses"]
    ] == []
    assert "409" in told["/api/drafts/"]["post"]["responses"]  # what a view says of itself stays
