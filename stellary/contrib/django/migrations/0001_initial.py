"""The tables of the core, and the read-only models of some of them."""

from django.db import migrations, models
from django.db.migrations.state import ModelState

from stellary.contrib.django.models import Activity, Card, Organization, Project, Workspace
from stellary.contrib.django.operations import CreateTables


def _create_model(model: type[models.Model]) -> migrations.CreateModel:
    # As Django writes it for a model whose table it does not manage: without its relations.
    state = ModelState.from_model(model, exclude_rels=True)
    return migrations.CreateModel(state.name, [*dict(state.fields).items()], state.options)


class Migration(migrations.Migration):
    initial = True
    # The tables are created on a connection of their own.
    atomic = False
    dependencies: list[tuple[str, str]] = []
    operations = [CreateTables(), *map(_create_model, (Activity, Card, Organization, Project, Workspace))]
