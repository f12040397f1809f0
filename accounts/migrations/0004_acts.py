"""The table of acts, whose rows no statement changes or deletes.

SQLite drops a table's triggers where Django makes the table anew. A later migration that does so with accounts_act begins
with `let_go` and ends with `keep` of this file; tests/accounts/test_audit.py notices where it does not. It takes no time;
reversing forgets every act.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SAYS = "What was done stays noted: an act is never changed or deleted."
EVENTS = ("UPDATE", "DELETE")


def keep(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for event in EVENTS:
            schema_editor.execute(
                f"""CREATE TRIGGER accounts_act_stays_{event.lower()} BEFORE {event} ON accounts_act
                BEGIN SELECT RAISE(ABORT, '{SAYS}'); END""",
                params=None,
            )
    else:
        # It answers with the error of a constraint: IntegrityError in Python.
        schema_editor.execute(
            f"""
            CREATE FUNCTION accounts_act_stays() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
            CREATE TRIGGER accounts_act_stays BEFORE UPDATE OR DELETE ON accounts_act
            FOR EACH ROW EXECUTE FUNCTION accounts_act_stays()
            """,
            params=None,
        )


def let_go(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for event in EVENTS:
            schema_editor.execute(f"DROP TRIGGER accounts_act_stays_{event.lower()}")
    else:
        schema_editor.execute("DROP TRIGGER accounts_act_stays ON accounts_act")
        schema_editor.execute("DROP FUNCTION accounts_act_stays()")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_token_scopes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Act',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('rights', 'rights given or taken'), ('administration', 'something done in the administration'), ('token made', 'token made'), ('token revoked', 'token revoked'), ('factor on', 'second factor switched on'), ('factor off', 'second factor switched off'), ('new codes', 'recovery codes made'), ('password', 'password changed'), ('address', 'e-mail address changed'), ('sign-in failed', 'sign-in of staff failed'), ('withdrawn', 'picture withdrawn'), ('put back', 'picture put back'), ('rescored', 'contest scored anew'), ('forgotten', 'somebody forgotten')], max_length=20)),
                ('at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('on_kind', models.CharField(blank=True, max_length=80)),
                ('on_key', models.CharField(blank=True, max_length=80)),
                ('note', models.CharField(blank=True, max_length=300)),
                ('address', models.CharField(blank=True, max_length=50)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='acts', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['kind', '-at'], name='accounts_act_kind_at')],
            },
        ),
        migrations.RunPython(keep, let_go),
    ]
