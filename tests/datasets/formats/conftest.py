import pytest

from tests.datasets.formats.making import Snapshot, some_pictures


@pytest.fixture
def snapshot():
    return Snapshot(some_pictures())
