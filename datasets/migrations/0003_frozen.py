"""Keep every snapshot as it is: triggers, so that no statement changes or deletes one.

SQLite drops a table's triggers where Django makes the table anew. A later migration that does so with datasets_snapshot
begins with `let_go` and ends with `keep` of this file; tests/datasets/test_frozen.py notices where it does not. It takes
no time, and reversing drops the triggers.
"""

from django.db import migrations

SAYS = "A snapshot is frozen: it is never changed or deleted."
EVENTS = ("UPDATE", "DELETE")


def keep(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for event in EVENTS:
            schema_editor.execute(
                f"""CREATE TRIGGER datasets_frozen_{event.lower()} BEFORE {event} ON datasets_snapshot
                BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",
                params=None,
            )
    else:
        # It answers with the error of a constraint: IntegrityError in Python.
        schema_editor.execute(
            f"""
            CREATE FUNCTION datasets_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
            CREATE TRIGGER datasets_frozen BEFORE UPDATE OR DELETE ON datasets_snapshot
            FOR EACH ROW EXECUTE FUNCTION datasets_frozen()
            """,
            params=None,
        )


def let_go(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for event in EVENTS:
            schema_editor.execute(f"DROP TRIGGER datasets_frozen_{event.lower()}")
    else:
        schema_editor.execute("DROP TRIGGER datasets_frozen ON datasets_snapshot")
        schema_editor.execute("DROP FUNCTION datasets_frozen()")


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0002_freezing'),
    ]

    operations = [
        migrations.RunPython(keep, let_go),
    ]
