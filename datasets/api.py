from rest_framework.viewsets import ReadOnlyModelViewSet

from datasets.models import Snapshot
from datasets.serializers import SnapshotSerializer


class SnapshotViewSet(ReadOnlyModelViewSet[Snapshot]):
    """Frozen sets of pictures and labels."""

    queryset = Snapshot.objects.select_related("collection")
    serializer_class = SnapshotSerializer
