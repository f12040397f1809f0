"""People who may make collections, for tests."""

from django.contrib.auth.models import Permission

from accounts.models import User
from tests.factories import make_user


def make_organiser() -> User:
    user = make_user()
    permissions = Permission.objects.filter(content_type__app_label="labeling")
    user.user_permissions.add(permissions.get(codename="add_collection"))
    return User.objects.get(pk=user.pk)  # without the permissions that were looked up before
