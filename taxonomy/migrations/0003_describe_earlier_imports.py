"""Write the facts of the imports that were made before the ledger kept facts: which nouns and edges they brought.

Why: undo and as-of views read facts. Cost: seconds for a whole WordNet. Safe to stop and repeat, one transaction;
reversing changes nothing.
"""

from django.db import migrations
from django.db.models import Min, OuterRef, Subquery


def describe(apps, schema_editor):
    Change = apps.get_model("taxonomy", "Change")
    Hypernym = apps.get_model("taxonomy", "Hypernym")
    Synset = apps.get_model("taxonomy", "Synset")
    for change in Change.objects.filter(kind="import", facts={}):
        wnids = set(change.arguments.get("wnids", ()))
        edges = Hypernym.objects.values_list("hyponym__wnid", "hypernym__wnid", "is_instance")
        change.facts = {
            "added": sorted(wnids),
            "linked": [list(edge) for edge in edges.iterator() if edge[0] in wnids],
        }
        change.arguments = {}
        change.summary = f"import of {len(wnids):,} nouns"
        change.save(update_fields=["facts", "arguments", "summary"])
        links = Change.synsets.through
        brought = Synset.objects.filter(wnid__in=wnids).values_list("pk", flat=True)
        links.objects.bulk_create(
            (links(change_id=change.pk, synset_id=pk) for pk in brought), batch_size=5000
        )


def stand_in(apps, schema_editor):
    Hypernym = apps.get_model("taxonomy", "Hypernym")
    above = Hypernym.objects.filter(hyponym=OuterRef("pk")).order_by().values("hyponym")
    one = Subquery(above.annotate(one=Min("hypernym")).values("one"))
    apps.get_model("taxonomy", "Synset").objects.filter(becomes=None).update(becomes=one)


class Migration(migrations.Migration):
    dependencies = [("taxonomy", "0002_ledger_and_drafts")]
    operations = [
        migrations.RunPython(describe, migrations.RunPython.noop),
        migrations.RunPython(stand_in, migrations.RunPython.noop),
    ]
