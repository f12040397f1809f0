"""Note how many bytes a picture's file has, and their CRC-32. Those of pictures that are there already stay empty until
something asks for them (ImageQuerySet.measure). Seconds for a million pictures; reversing drops the columns.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0021_predictions'),
    ]

    operations = [
        migrations.AddField(
            model_name='image',
            name='crc32',
            field=models.PositiveBigIntegerField(blank=True, help_text="Of the file's bytes, as archives want it; empty together with their number.", null=True),
        ),
        migrations.AddField(
            model_name='image',
            name='n_bytes',
            field=models.PositiveBigIntegerField(blank=True, help_text='Of the file; empty until it is measured, where it came in long ago.', null=True),
        ),
        migrations.AddIndex(
            model_name='image',
            index=models.Index(condition=models.Q(('crc32', None)), fields=['id'], name='labeling_unmeasured'),
        ),
        migrations.AddConstraint(
            model_name='image',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('crc32', None), ('n_bytes', None)), models.Q(('crc32__isnull', False), ('crc32__lt', 4294967296), ('n_bytes__gte', 1), ('n_bytes__isnull', False)), _connector='OR'), name='labeling_image_measured_whole', violation_error_message='The number of bytes and their CRC-32 are known together.'),
        ),
    ]
