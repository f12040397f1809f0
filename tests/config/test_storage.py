"""The S3 settings, against an S3 of our own; and how the site's own files are named."""

import re
from pathlib import Path

import boto3
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from moto.server import ThreadedMotoServer
from storages.backends.s3 import S3Storage

from config.storage import StaticStorage

KEYS = {"access_key": "key", "secret_key": "secret", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def storage(endpoint) -> S3Storage:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="nestwork")
    return S3Storage(
        bucket_name="nestwork", endpoint_url=endpoint, location="private", file_overwrite=True, **KEYS
    )


def test_what_is_saved_is_read_back_and_saving_again_keeps_the_name(storage):
    first = storage.save("runs/1/weights", ContentFile(b"old"))
    second = storage.save("runs/1/weights", ContentFile(b"new"))

    with storage.open("runs/1/weights") as file:
        assert file.read() == b"new"
    assert first == second == "runs/1/weights"


def test_a_missing_file_is_not_found(storage):
    with pytest.raises(FileNotFoundError):
        storage.open("runs/2/weights")


def test_a_folder_keeps_its_names_in_the_same_way():
    storage = storages["private"]

    first = storage.save("runs/1/weights", ContentFile(b"old"))
    second = storage.save("runs/1/weights", ContentFile(b"new"))

    with storage.open("runs/1/weights") as file:
        assert file.read() == b"new"
    assert first == second == "runs/1/weights"


def test_a_module_imports_others_by_the_names_that_they_are_kept_under(tmp_path):
    storage = StaticStorage(location=tmp_path, base_url="/static/")
    modules = {path.name: path.read_bytes() for path in Path(settings.BASE_DIR).glob("static/*.js")}
    for name, code in modules.items():
        storage.save(name, ContentFile(code))

    list(storage.post_process({name: (storage, name) for name in modules}))

    outbox = storage.stored_name("outbox.js")
    imported = re.findall(r'from "\./(.+)";', (tmp_path / storage.stored_name("label.js")).read_text())
    assert outbox in imported
    assert {*imported} <= {storage.stored_name(name) for name in modules}
    assert re.fullmatch(r"outbox\.[0-9a-f]{12}\.js", outbox)
