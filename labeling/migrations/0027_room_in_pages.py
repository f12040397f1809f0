"""Have PostgreSQL leave half of each page of questions free, where it is written to from now on.

A refit writes every voted question, mostly with the same label. With room in its page a row stays there, and no index
has to be told. Takes no time; what is written already stays as it is until VACUUM FULL. Reversing leaves the room that
is there.
"""

from django.db import migrations


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE labeling_question SET (fillfactor = 50)")


def leave_none(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE labeling_question RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies = [("labeling", "0026_indexes_that_stay_small")]

    operations = [migrations.RunPython(leave_room, leave_none)]
