"""The tables of the core, and the read-only models of some of them."""

from django.db import migrations, models

from stellary.contrib.django.operations import CreateTables


class Migration(migrations.Migration):
    initial = True
    # The tables are created on a connection of their own.
    atomic = False
    dependencies: list[tuple[str, str]] = []
    operations = [
        CreateTables(),
        migrations.CreateModel(
            name="Activity",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False)),
                ("project_id", models.CharField(max_length=24, null=True)),
                ("card_id", models.CharField(max_length=24, null=True)),
                ("actor_id", models.CharField(max_length=24)),
                ("type", models.CharField(max_length=40)),
                ("entity", models.CharField(max_length=40)),
                ("entity_id", models.CharField(max_length=24, null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "activities",
                "db_table": "stellary_activities",
                "ordering": ("-seq",),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("number", models.IntegerField()),
                ("title", models.CharField(max_length=500)),
                ("description", models.TextField(null=True)),
                ("status", models.CharField(max_length=20)),
                ("priority", models.CharField(max_length=20, null=True)),
                ("start_date", models.DateTimeField(null=True)),
                ("due_date", models.DateTimeField(null=True)),
                ("completed_at", models.DateTimeField(null=True)),
                ("archived", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stellary_cards",
                "ordering": ("project", "number"),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("slug", models.CharField(max_length=60, unique=True)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stellary_organizations",
                "ordering": ("slug",),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("key", models.CharField(max_length=6)),
                ("description", models.TextField(null=True)),
                ("archived", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stellary_projects",
                "ordering": ("workspace", "key"),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Workspace",
            fields=[
                ("id", models.CharField(max_length=24, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("slug", models.CharField(max_length=60)),
                ("is_personal", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stellary_workspaces",
                "ordering": ("organization", "slug"),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
