"""Make each author of an entry a team of one. One pass over the authors of each contest, of which there are few; safe to
repeat. Reversing takes the teams away again, with what was made of them since.
"""

from django.db import migrations


def make_teams(apps, schema_editor):
    Submission = apps.get_model("competition", "Submission")
    Team = apps.get_model("competition", "Team")
    Membership = apps.get_model("competition", "Membership")
    alone = Submission.objects.filter(author__isnull=False, team=None)
    for contest, user, username in alone.values_list(
        "phase__contest", "author", "author__username"
    ).distinct().order_by():
        membership = Membership.objects.filter(contest=contest, user=user).first()
        if membership is None:
            name, n = username[:54], 1
            while Team.objects.filter(contest=contest, name__iexact=name).exists():
                n += 1
                name = f"{username[:54]} {n}"
            team = Team.objects.create(contest_id=contest, name=name, captain_id=user)
            membership = Membership.objects.create(contest_id=contest, team=team, user_id=user)
        alone.filter(phase__contest=contest, author=user).update(team=membership.team_id)


def drop_teams(apps, schema_editor):
    apps.get_model("competition", "Submission").objects.update(team=None)
    apps.get_model("competition", "Team").objects.update(merged_into=None)
    apps.get_model("competition", "Team").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("competition", "0002_teams")]
    operations = [migrations.RunPython(make_teams, drop_teams)]
