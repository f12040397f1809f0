"""Index a perceptual hash by three parts of 21 bits instead of five of 12 or 13, which found 27 times as many strangers.

Makes three indexes, on SQLite and PostgreSQL about a second each for a million pictures, while nothing else writes to the
table; reversing makes the five again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0023_pictures_stay'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='image',
            name='labeling_image_band_0',
        ),
        migrations.RemoveIndex(
            model_name='image',
            name='labeling_image_band_1',
        ),
        migrations.RemoveIndex(
            model_name='image',
            name='labeling_image_band_2',
        ),
        migrations.RemoveIndex(
            model_name='image',
            name='labeling_image_band_3',
        ),
        migrations.RemoveIndex(
            model_name='image',
            name='labeling_image_band_4',
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(models.Func(models.F('perceptual_hash'), output_field=models.BigIntegerField(), template='((%(expressions)s >> 0) & 2097151)'), name='labeling_image_third_0'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(models.Func(models.F('perceptual_hash'), output_field=models.BigIntegerField(), template='((%(expressions)s >> 21) & 2097151)'), name='labeling_image_third_1'),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(models.Func(models.F('perceptual_hash'), output_field=models.BigIntegerField(), template='((%(expressions)s >> 42) & 2097151)'), name='labeling_image_third_2'),
        ),
    ]
