"""What contests do about a change of the taxonomy: nothing, they stand on snapshots. Previews name them."""

from django.utils.translation import gettext_noop

from competition.models import Contest
from datasets.models import Snapshot
from taxonomy.dependants import Impact
from taxonomy.models import Change, Draft
from taxonomy.patch import Patch


class Contests:
    def prepare(self, draft: Draft, patch: Patch) -> list[Impact]:
        found = list(Contest.objects.filter(snapshot__in=Snapshot.objects.naming(patch.wnids)))
        return [Impact(gettext_noop("contests on those snapshots"), len(found), tuple(map(str, found[:5])))]

    def switch(self, draft: Draft, change: Change) -> None:
        """Nothing: a contest is scored over the taxonomy of its snapshot."""

    def forget(self, draft: Draft) -> None:
        """Nothing was kept."""
