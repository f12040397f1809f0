"""One site for all tests of this folder, that of tests/secrecy. What a test does to it is taken back; each is marked
with django_db, or there is no database.
"""

from collections.abc import Iterator

import pytest

from tests.secrecy.world import Clock, Stage, World, undone


@pytest.fixture(scope="package")
def stage(django_db_setup, django_db_blocker) -> Iterator[Stage]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone():
        patch.setattr("django.utils.timezone.now", clock)
        yield Stage(World(clock))
