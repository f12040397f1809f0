"""What each token may do, and the day it was last used. Tokens that are here may do all that they could; it takes no time,
and reversing forgets both.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_board_name_and_forgetting'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='last_used_on',
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=models.CharField(db_default='read label compete organise', default='read label compete organise', max_length=40),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.CheckConstraint(condition=models.Q(('scopes', ''), _negated=True), name='accounts_token_may_do_something', violation_error_message='Expected a token that may do something; found none of that.'),
        ),
    ]
