"""People who may change the taxonomy, for tests."""

from typing import Any

from django.contrib.auth.models import Permission

from accounts.models import User
from tests.factories import make_user


def make_curator(**fields: Any) -> User:
    user = make_user(**fields)
    user.user_permissions.add(Permission.objects.get(content_type__app_label="taxonomy", codename="curate"))
    return User.objects.get(pk=user.pk)  # without the permissions that were looked up before
