"""Keep every picture's SHA-256 and split as they are: a trigger, so that no statement moves it from one part to another.

SQLite drops a table's triggers where Django makes the table anew. A later migration that does so with labeling_image
ends with `keep` of this file; tests/labeling/test_images.py notices where it does not. It takes no time, and reversing
drops the trigger.
"""

from django.db import migrations

SAYS = "A picture keeps its SHA-256 and its split; this would change one of them."
CHANGES = "NEW.sha256 <> OLD.sha256 OR NEW.split <> OLD.split"
# Both answer with the error of a constraint: IntegrityError in Python.
SQLITE = f"""
    CREATE TRIGGER labeling_image_stays BEFORE UPDATE OF sha256, split ON labeling_image
    WHEN {CHANGES} BEGIN SELECT RAISE(ABORT, '{SAYS}'); END
"""
POSTGRESQL = f"""
    CREATE FUNCTION labeling_image_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
    CREATE TRIGGER labeling_image_stays BEFORE UPDATE OF sha256, split ON labeling_image
    FOR EACH ROW WHEN ({CHANGES}) EXECUTE FUNCTION labeling_image_stays()
"""


def keep(apps, schema_editor):
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    schema_editor.execute(SQLITE if is_sqlite else POSTGRESQL, params=None)


def let_go(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER labeling_image_stays")
    else:
        schema_editor.execute("DROP TRIGGER labeling_image_stays ON labeling_image")
        schema_editor.execute("DROP FUNCTION labeling_image_stays()")


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0022_file_sizes'),
    ]

    operations = [
        migrations.RunPython(keep, let_go),
    ]
