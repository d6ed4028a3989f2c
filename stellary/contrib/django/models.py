"""Read-only models of the core's tables: for the admin, reports, and foreign keys of the host.

Write through units of work and the API only, which check access and record changes.
"""

from __future__ import annotations

from django.db import models

ID_LENGTH = 24


class StoredModel(models.Model):
    """A table of the core whose rows have an id and times."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True
        managed = False
        default_permissions = ("view",)


class Organization(StoredModel):
    """An organization."""

    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=60, unique=True)

    class Meta(StoredModel.Meta):
        db_table = "stellary_organizations"
        ordering = ("slug",)

    def __str__(self) -> str:
        return str(self.name)


class Workspace(StoredModel):
    """A workspace of an organization."""

    organization = models.ForeignKey(Organization, models.DO_NOTHING, related_name="workspaces")
    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=60)
    is_personal = models.BooleanField()

    class Meta(StoredModel.Meta):
        db_table = "stellary_workspaces"
        ordering = ("organization", "slug")

    def __str__(self) -> str:
        return str(self.name)


class Project(StoredModel):
    """A project of a workspace."""

    workspace = models.ForeignKey(Workspace, models.DO_NOTHING, null=True, related_name="projects")
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=6)
    description = models.TextField(null=True)
    archived = models.BooleanField()

    class Meta(StoredModel.Meta):
        db_table = "stellary_projects"
        ordering = ("workspace", "key")

    def __str__(self) -> str:
        return str(self.name)


class Card(StoredModel):
    """A card of a project."""

    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="cards")
    number = models.IntegerField()
    title = models.CharField(max_length=500)
    description = models.TextField(null=True)
    status = models.CharField(max_length=20)
    priority = models.CharField(max_length=20, null=True)
    start_date = models.DateTimeField(null=True)
    due_date = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    archived = models.BooleanField()

    class Meta(StoredModel.Meta):
        db_table = "stellary_cards"
        ordering = ("project", "number")

    def __str__(self) -> str:
        return str(self.title)


class Activity(models.Model):
    """A recorded change."""

    seq = models.BigIntegerField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.DO_NOTHING, related_name="activities")
    project_id = models.CharField(max_length=ID_LENGTH, null=True)
    card_id = models.CharField(max_length=ID_LENGTH, null=True)
    actor_id = models.CharField(max_length=ID_LENGTH)
    type = models.CharField(max_length=40)
    entity = models.CharField(max_length=40)
    entity_id = models.CharField(max_length=ID_LENGTH, null=True)
    created_at = models.DateTimeField()

    class Meta(StoredModel.Meta):
        db_table = "stellary_activities"
        ordering = ("-seq",)
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return str(self.type)
