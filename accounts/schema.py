from drf_spectacular.openapi import AutoSchema

from accounts.authentication import scope_wanted


class ScopedSchema(AutoSchema):
    """Says of each operation which scope a token needs for it."""

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular knows path and method
        told: str = super().get_description() or ""
        return f"{told}\n\nScope of a token: `{scope_wanted(self.method, self.view).value}`.".strip()
