"""The old code goes on answering while a migration runs and until every process is started again: docs/operations.md
says how a site is upgraded without a pause. A migration that the old code could not bear says so itself.
"""

import re
import sys

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

# The last of each app before there was this rule.
BEFORE = {
    "accounts": 2,
    "taxonomy": 4,
    "labeling": 25,
    "datasets": 3,
    "training": 4,
    "competition": 8,
}
# A line of a migration's docstring, with the version whose code uses the thing no more.
CONTRACTS = re.compile(r"^Contracts: \S", re.MULTILINE)
GONE = (migrations.RemoveField, migrations.RenameField, migrations.DeleteModel, migrations.RenameModel)


def dangers(operations, state, app):
    """Return what of these operations code that was written before them cannot bear."""
    found = []
    for operation in operations:
        if isinstance(operation, (*GONE, migrations.AlterModelTable)):
            found.append(f"{operation.describe()}: the old code still asks for it")
        elif isinstance(operation, migrations.AddField) and needs_value(operation.field):
            found.append(f"{operation.describe()}: the old code adds rows without it; use null or db_default")
        elif isinstance(operation, migrations.AlterField) and needs_value(operation.field):
            before = state.models[app, operation.model_name_lower].get_field(operation.name)
            if before.null:
                found.append(f"{operation.describe()}: the old code may add rows without it")
        operation.state_forwards(app, state)
    return found


def needs_value(field):
    return not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)


def is_new(app, name):
    return app in BEFORE and int(name[:4]) > BEFORE[app]


def test_a_migration_that_old_code_cannot_bear_says_that_it_contracts():
    loader = MigrationLoader(connection=None)

    wrong = {
        f"{app}.{name}": found
        for (app, name), migration in loader.disk_migrations.items()
        if is_new(app, name)
        and (found := dangers(migration.operations, loader.project_state((app, name), at_end=False), app))
        and not CONTRACTS.search(sys.modules[migration.__module__].__doc__ or "")
    }

    assert wrong == {}


def test_every_migration_before_the_rule_is_there():
    numbers = {
        (app, int(name[:4]))
        for app, name in MigrationLoader(connection=None).disk_migrations
        if app in BEFORE
    }

    assert set(BEFORE.items()) <= numbers


def field(**options):
    return models.IntegerField(**options)


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("bird", "eggs"),
        migrations.RenameField("bird", "eggs", "n_eggs"),
        migrations.RenameModel("Bird", "Fowl"),
        migrations.DeleteModel("Bird"),
        migrations.AddField("bird", "age", field()),
        migrations.AddField("bird", "age", field(default=0)),  # Django takes the default off the column again
        migrations.AlterField("bird", "nests", field()),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_old_code_cannot_bear_is_found(operation):
    assert len(dangers([operation], birds(), "zoo")) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("bird", "age", field(null=True)),
        migrations.AddField("bird", "age", field(db_default=0)),
        migrations.AlterField("bird", "eggs", field(null=True)),
        migrations.AlterField("bird", "eggs", field(help_text="how many")),
        migrations.CreateModel("Nest", [("id", models.AutoField(primary_key=True)), ("size", field())]),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_old_code_can_bear_is_let_through(operation):
    assert dangers([operation], birds(), "zoo") == []


def birds():
    fields = [("id", models.AutoField(primary_key=True)), ("eggs", field()), ("nests", field(null=True))]
    state = ProjectState()
    migrations.CreateModel("Bird", fields).state_forwards("zoo", state)
    return state


def test_a_docstring_says_that_a_migration_contracts():
    assert CONTRACTS.search("Drop Bird.eggs.\n\nContracts: nothing has read it since 0.4.\n")
    assert not CONTRACTS.search("Drop what contracts.")
