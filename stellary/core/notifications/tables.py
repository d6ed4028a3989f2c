"""The schema of notifications: what has happened, kept once, and a row for each person whom it concerns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, text

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata

activities = Table(
    "stellary_activities",
    metadata,
    # Counts: what is followed must have an order in which nothing is ever put in between. Never used twice.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", IdType, nullable=False, unique=True),
    Column("workspace_id", IdType, ForeignKey("stellary_workspaces.id", ondelete="CASCADE"), nullable=False),
    # No foreign keys: that a card was deleted is told after it is gone.
    Column("project_id", IdType),
    Column("card_id", IdType),
    Column("actor_id", IdType, nullable=False),
    Column("type", String(40), nullable=False),
    Column("meta", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_activities_workspace_id_seq", "workspace_id", "seq"),
    # What the feed of a project and that of a card are read from.
    Index("ix_stellary_activities_project_id_id", "project_id", "id"),
    Index("ix_stellary_activities_card_id_id", "card_id", "id"),
    sqlite_autoincrement=True,
)

notifications = Table(
    "stellary_notifications",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("user_id", IdType, ForeignKey("stellary_users.id", ondelete="CASCADE"), nullable=False),
    Column(
        "activity_id",
        IdType,
        ForeignKey("stellary_activities.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    # That of the activity, with which it goes: said again, so that counting and leaving need no join.
    Column("workspace_id", IdType, nullable=False),
    Column("read_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_notifications_user_id_id", "user_id", "id"),
)

UNREAD = Index(
    "ix_stellary_notifications_unread",
    notifications.c.user_id,
    notifications.c.id,
    notifications.c.workspace_id,
    sqlite_where=text("read_at IS NULL"),
    postgresql_where=text("read_at IS NULL"),
)
"""Unread ones are counted with every page that a person opens, and are few among many."""

OUTSIDE_PROJECTS = Index(
    "ix_stellary_activities_outside_projects",
    activities.c.workspace_id,
    activities.c.id,
    sqlite_where=text("project_id IS NULL"),
    postgresql_where=text("project_id IS NULL"),
)
"""What happens in pilotage is looked for among all that happens in a workspace, and is little of it."""
