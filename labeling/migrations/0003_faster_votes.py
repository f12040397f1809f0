"""Keep on each collection how often its classes were set and which fit is its latest, so that a vote need not look
for them. Fills the latest fit by one UPDATE; safe to repeat; reversing drops both columns.
"""

import django.db.models.deletion
from django.db import migrations, models


def fill_latest_fit(apps, schema_editor):
    collections = apps.get_model("labeling", "Collection").objects
    fits = apps.get_model("labeling", "ConsensusFit").objects.filter(collection=models.OuterRef("pk"))
    latest = fits.order_by("-pk").values("pk")[:1]
    collections.filter(latest_fit=None).update(latest_fit=models.Subquery(latest))


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0002_follow_the_taxonomy'),
    ]

    operations = [
        migrations.AddField(
            model_name='collection',
            name='latest_fit',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='labeling.consensusfit'),
        ),
        migrations.AddField(
            model_name='collection',
            name='revision',
            field=models.PositiveIntegerField(default=0, editable=False, help_text='How often its classes were set.'),
        ),
        migrations.RunPython(fill_latest_fit, migrations.RunPython.noop),
    ]
