"""A salt for each contest, by which its test pictures are parted. Contests that are there have none, so that no picture
of theirs changes parts.
"""

from django.db import migrations, models

import competition.models.contests


class Migration(migrations.Migration):
    dependencies = [("competition", "0007_baselines")]
    operations = [
        migrations.AddField(
            "contest",
            "salt",
            models.CharField(
                default="",
                editable=False,
                help_text="By which pictures are parted, so that nobody can tell which part one is in. Told nobody.",
                max_length=32,
            ),
        ),
        migrations.AlterField(
            "contest",
            "salt",
            models.CharField(
                default=competition.models.contests.new_salt,
                editable=False,
                help_text="By which pictures are parted, so that nobody can tell which part one is in. Told nobody.",
                max_length=32,
            ),
        ),
    ]
