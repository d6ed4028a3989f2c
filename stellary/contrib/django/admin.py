"""Read-only pages of Django's admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from stellary.contrib.django import models


class ReadOnlyAdmin(admin.ModelAdmin):
    """Pages that change nothing: changes go through units of work and the API, which check access and record them."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(models.Organization)
class OrganizationAdmin(ReadOnlyAdmin):
    """The pages of organizations."""

    list_display = ("name", "slug", "created_at")
    search_fields = ("name", "slug")


@admin.register(models.Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    """The pages of workspaces."""

    list_display = ("name", "slug", "organization", "is_personal", "created_at")
    list_filter = ("is_personal",)
    list_select_related = ("organization",)
    search_fields = ("name", "slug")


@admin.register(models.Project)
class ProjectAdmin(ReadOnlyAdmin):
    """The pages of projects."""

    list_display = ("name", "key", "workspace", "archived", "created_at")
    list_filter = ("archived",)
    list_select_related = ("workspace",)
    search_fields = ("name", "key")


@admin.register(models.Card)
class CardAdmin(ReadOnlyAdmin):
    """The pages of cards."""

    list_display = ("title", "number", "project", "status", "priority", "due_date", "archived")
    list_filter = ("status", "priority", "archived")
    list_select_related = ("project",)
    search_fields = ("title",)


@admin.register(models.Activity)
class ActivityAdmin(ReadOnlyAdmin):
    """The pages of activities."""

    list_display = ("created_at", "type", "entity", "entity_id", "actor_id", "workspace")
    list_filter = ("entity",)
    list_select_related = ("workspace",)
    search_fields = ("type", "entity_id", "actor_id")
