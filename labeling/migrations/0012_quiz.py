import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0011_verify'),
        ('taxonomy', '0004_curators'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='QuizPass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('passed_at', models.DateTimeField(auto_now_add=True)),
                ('annotator', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quiz_passes', to=settings.AUTH_USER_MODEL)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.collection')),
                ('synset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='taxonomy.synset')),
            ],
            options={
                'verbose_name_plural': 'quiz passes',
                'constraints': [models.UniqueConstraint(fields=('annotator', 'collection', 'synset'), name='labeling_quiz_passed_once', violation_error_message='These questions were answered before.')],
            },
        ),
    ]
