"""Pages of lists that may be as long as a collection."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from labeling.models import Question

LISTED = 9999  # pictures that pages lead to; counting all would take as long as there are many


class Listed(Paginator):
    """The first pictures of a list, in pages. Those beyond are not even counted."""

    object_list: QuerySet[Question]

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:LISTED].count()
