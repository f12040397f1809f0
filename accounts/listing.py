"""Pages of lists that may be as long as a collection."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

LISTED = 9999  # rows that pages lead to; counting all would take as long as there are many


class Listed(Paginator):
    """The first rows of a list, in pages. Those beyond are not even counted."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:LISTED].count()
