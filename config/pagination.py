"""Pages of the API's lists."""

from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request


class BoundedPagination(LimitOffsetPagination):
    """At most 1,000 rows a page, from an offset that a database can count to."""

    max_limit = 1000

    def get_offset(self, request: Request) -> int:
        return min(super().get_offset(request), 2**31 - 1)
