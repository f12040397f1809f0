"""Make the group Moderators, whose members may hide comments, so that an administrator only adds people to it.

Cost: nothing. Safe to repeat; reversing drops the group, if nobody is in it, and leaves the permission.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Moderators"


def make(apps, schema_editor):
    database = schema_editor.connection.alias
    app = apps.get_app_config("labeling")
    # Permissions are made when all migrations have run, which is too late here; apps of the past have no module.
    app.models_module = True
    create_permissions(app, verbosity=0, using=database, apps=apps)
    group, _is_new = apps.get_model("auth", "Group").objects.using(database).get_or_create(name=GROUP)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    group.permissions.add(permissions.get(content_type__app_label="labeling", codename="moderate"))


def drop(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name=GROUP, user=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("labeling", "0007_reports_and_talk"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("accounts", "0002_board_name_and_forgetting"),
    ]
    operations = [migrations.RunPython(make, drop)]
