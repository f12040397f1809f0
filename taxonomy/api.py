from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.viewsets import ReadOnlyModelViewSet

from taxonomy.models import Synset, SynsetQuerySet
from taxonomy.serializers import SynsetSerializer


@extend_schema_view(
    list=extend_schema(
        parameters=[OpenApiParameter("q", str, description="Only nouns with a lemma that begins so.")]
    )
)
class SynsetViewSet(ReadOnlyModelViewSet[Synset]):
    """The nouns of the taxonomy."""

    queryset = Synset.objects.all()
    serializer_class = SynsetSerializer
    lookup_field = "wnid"

    def get_queryset(self) -> SynsetQuerySet:
        query = self.request.query_params.get("q", "")
        synsets = Synset.objects.prefetch_related("lemmas", "hypernyms", "hyponyms")
        return synsets.search(query) if query else synsets
