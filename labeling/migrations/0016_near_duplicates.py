"""Keep the pairs of pictures that look alike, and find those of the pictures that are there already.

Reads 16 bytes a picture of one collection after the other: some seconds for 100,000 pictures. Nothing waits for it but
the site's start; safe to stop, since all of it is one transaction; reversing drops the pairs and what was decided.
"""

import numpy as np
import django.db.models.deletion
from django.db import migrations, models


from labeling.likeness import distances, near_pairs, nearest_earlier

MOST_NEAR = 16
BATCH = 1000


def find_pairs(apps, schema_editor):
    Collection, Image, NearDuplicate = (
        apps.get_model("labeling", name) for name in ("Collection", "Image", "NearDuplicate")
    )
    for collection in Collection.objects.order_by("pk"):
        asked = collection.questions.order_by().values("image")
        pictures = Image.objects.filter(pk__in=asked, perceptual_hash__isnull=False).order_by("pk")
        rows = list(pictures.values_list("pk", "perceptual_hash"))
        keys, hashes = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        alike = (
            (int(keys[i]), int(keys[j]), int(distances(hashes[i], hashes[j]))) for i, j in near_pairs(hashes)
        )
        NearDuplicate.objects.bulk_create(
            (
                NearDuplicate(collection=collection, image_id=image, other_id=other, distance=distance)
                for image, other, distance in nearest_earlier(alike, MOST_NEAR)
            ),
            batch_size=BATCH,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0015_intakes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='report',
            name='reason',
            field=models.CharField(choices=[('broken', 'It is broken: nothing can be made out in it'), ('private', 'It is private: it shows somebody who would not want that'), ('offensive', 'It is offensive'), ('mine', 'It is mine, and I did not give it'), ('duplicate', 'It is here twice: another picture looks the same')], max_length=9, verbose_name='what is wrong'),
        ),
        migrations.CreateModel(
            name='NearDuplicate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('distance', models.PositiveSmallIntegerField(help_text='In how many bits their perceptual hashes differ.')),
                ('kept_at', models.DateTimeField(blank=True, help_text='When it was decided that both stay.', null=True)),
                ('collection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='near_duplicates', to='labeling.collection')),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.image')),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.image')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('kept_at', None)), fields=['collection', 'distance', '-id'], name='labeling_near_undecided')],
                'constraints': [models.UniqueConstraint(fields=('collection', 'image', 'other'), name='labeling_near_duplicate_once'), models.CheckConstraint(condition=models.Q(('image__gt', models.F('other'))), name='labeling_near_duplicate_later_first')],
            },
        ),
        migrations.RunPython(find_pairs, migrations.RunPython.noop),
    ]
