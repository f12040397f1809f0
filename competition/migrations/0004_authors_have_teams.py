"""From now on the database refuses an author without a team. Apart from the step before, since PostgreSQL alters no
table whose rows the same transaction has changed.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("competition", "0003_teams_of_authors")]
    operations = [
        migrations.AddConstraint(
            model_name='submission',
            constraint=models.CheckConstraint(condition=models.Q(('author', None), ('team__isnull', False), _connector='OR'), name='competition_authors_have_teams'),
        ),
    ]
