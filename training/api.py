from rest_framework.viewsets import ReadOnlyModelViewSet

from training.models import Run
from training.serializers import RunSerializer


class RunViewSet(ReadOnlyModelViewSet[Run]):
    """Trainings of networks, with their history."""

    queryset = Run.objects.prefetch_related("epochs")
    serializer_class = RunSerializer
