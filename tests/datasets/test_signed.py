"""Downloads where files lie on S3: from there, by addresses that are good for an hour; against an S3 of our own."""

import io
import urllib.request

import boto3
import pytest
from django.core.files.storage import storages
from django.urls import reverse
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage

from datasets.public import read_public
from tests.factories import freeze_all, make_settled_collection

pytestmark = pytest.mark.django_db
KEYS = {"access_key": "key", "secret_key": "secret", "region_name": "us-east-1"}


@pytest.fixture
def on_s3(monkeypatch, settings):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket="nestwork")
    made = {
        name: S3Storage(
            bucket_name="nestwork", endpoint_url=endpoint, location=name, file_overwrite=True, **KEYS
        )
        for name in ("private",)
    }
    monkeypatch.setattr(storages, "_storages", {**storages._storages, **made})
    settings.SIGNED_DOWNLOADS = True
    yield endpoint
    server.stop()


def address(snapshot, name):
    return reverse("datasets:file", args=[snapshot.collection.slug, snapshot.number, name])


def test_what_lies_on_s3_comes_from_there_by_a_signed_address(client, on_s3):
    snapshot = freeze_all(make_settled_collection(10))

    answer = client.get(address(snapshot, "manifest.parquet"))

    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{on_s3}/nestwork/private/snapshots/")
    assert "Signature=" in answer["Location"]
    with urllib.request.urlopen(answer["Location"]) as sent:
        assert f"{snapshot.collection.slug}-1-manifest.parquet" in sent.headers["Content-Disposition"]
        assert len(list(read_public(io.BytesIO(sent.read())))) == 10


def test_what_is_made_when_it_is_asked_for_comes_from_the_site(client, on_s3):
    snapshot = freeze_all(make_settled_collection(10))

    assert client.get(address(snapshot, "folders.zip")).getvalue()[:2] == b"PK"
    assert client.get(address(snapshot, "seal.json")).status_code == 200


def test_where_browsers_cannot_reach_s3_the_site_sends_its_files(client, on_s3, settings):
    settings.SIGNED_DOWNLOADS = False
    snapshot = freeze_all(make_settled_collection(10))

    assert (
        len(list(read_public(io.BytesIO(client.get(address(snapshot, "manifest.parquet")).getvalue())))) == 10
    )
