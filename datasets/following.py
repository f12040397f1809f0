"""What snapshots do about a change of the taxonomy: nothing, they are frozen. A preview says which name its nouns."""

from django.utils.translation import gettext_noop

from datasets.models import Snapshot
from taxonomy.dependants import Impact
from taxonomy.models import Change, Draft
from taxonomy.patch import Patch


class Snapshots:
    def prepare(self, draft: Draft, patch: Patch) -> list[Impact]:
        found = Snapshot.objects.naming(patch.wnids)
        return [
            Impact(
                gettext_noop("snapshots that stay as they are and name these nouns"),
                len(found),
                tuple(map(str, found[:5])),
            )
        ]

    def switch(self, draft: Draft, change: Change) -> None:
        """Nothing: a snapshot keeps the taxonomy that it was frozen with."""

    def forget(self, draft: Draft) -> None:
        """Nothing was kept."""
