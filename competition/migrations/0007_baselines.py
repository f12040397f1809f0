"""Let this site hand in guesses of its own, and say of every contest with scores whose those are: the first scorer's,
which the first sweep replaces by today's. One statement a table; reversing changes no row.
"""

from django.conf import settings
from django.db import migrations, models


def name_the_first_scorer(apps, schema_editor):
    Contest = apps.get_model("competition", "Contest")
    Score = apps.get_model("competition", "Score")
    scored = Score.objects.filter(scorer_version=1).values("submission__phase__contest")
    Contest.objects.filter(scorer_version=None, pk__in=scored).update(scorer_version=1)


class Migration(migrations.Migration):

    dependencies = [
        ('competition', '0006_unranked_entries'),
        ('training', '0003_explanations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='submission',
            name='competition_somebody_submits',
        ),
        migrations.AddField(
            model_name='rescoring',
            name='n_lost',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often its worker fell silent since an entry was scored.'),
        ),
        migrations.AddField(
            model_name='submission',
            name='baseline',
            field=models.CharField(blank=True, choices=[('most_common', 'always the most common class')], help_text='What this site itself hands in to every contest; empty for all others.', max_length=12),
        ),
        migrations.AlterField(
            model_name='contest',
            name='scorer_version',
            field=models.PositiveSmallIntegerField(editable=False, help_text='Whose scores count; empty before the first.', null=True),
        ),
        migrations.AddConstraint(
            model_name='submission',
            constraint=models.UniqueConstraint(condition=models.Q(('baseline', ''), _negated=True), fields=('phase', 'baseline'), name='competition_baseline_once_per_phase'),
        ),
        migrations.AddConstraint(
            model_name='submission',
            constraint=models.CheckConstraint(condition=models.Q(('author__isnull', False), ('run__isnull', False), models.Q(('baseline', ''), _negated=True), _connector='OR'), name='competition_somebody_submits'),
        ),
        migrations.AddConstraint(
            model_name='submission',
            constraint=models.CheckConstraint(condition=models.Q(('baseline', ''), models.Q(('author', None), ('run', None), ('team', None)), _connector='OR'), name='competition_baselines_are_nobodys'),
        ),
        migrations.RunPython(name_the_first_scorer, migrations.RunPython.noop),
    ]
