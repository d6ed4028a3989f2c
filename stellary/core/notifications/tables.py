"""The schema of notifications: the activities of workspaces and organizations, and a row for each recipient."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, text

from stellary.core.db.base import IdType, Json, UtcDateTime, metadata, parent_key, partial_index, record_table

NOT_OF_CARDS = text("entity <> 'card'")
"""The condition of the index for activities about one kind of item; most activities are about cards."""
OF_PEOPLE = text("entity IN ('invitation', 'member', 'workspace_member')")
"""The condition of the index for activities about people, which can contain their addresses."""
IS_SAMPLED = text("(seq & 63) = 0")
"""The condition of the index by time, which has one activity in 64."""
APART_FROM_CARDS = text("entity NOT IN ('card', 'comment', 'attachment', 'relation')")
"""The condition of the activities that are not about a card. Only a statement with the same text can use their index."""
OF_MEMBERS = text("entity = 'organization_member'")
"""The condition of the index for activities about the members of organizations. Only a statement with the same text can
use it."""
IS_MUTED = text("level = 'mute'")
"""The condition of the index for muted cards and projects, of which there are few beside those that are watched. For a level
as a parameter, SQLite would compile a statement at each execution, to find out whether the index has its rows."""

activities = Table(
    "stellary_activities",
    metadata,
    # The order of streams: a new row never comes before an older one. Numbers are never reused.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", IdType, nullable=False, unique=True),
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    # No foreign keys, since activities outlive their cards.
    Column("project_id", IdType),
    Column("card_id", IdType),
    Column("actor_id", IdType, nullable=False),
    Column("type", String(40), nullable=False),
    Column("entity", String(40), nullable=False, server_default="card"),
    Column("entity_id", IdType),
    # Null instead of an empty list, and for a direct request.
    Column("changes", Json),
    Column("via", Json),
    # The item after the change, for streams; cards are read when they are sent.
    Column("item", Json),
    Column("meta", Json, nullable=False),
    # The digest of the address that the activity contains, by which it is found when nobody has the address any more.
    Column("address_digest", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_stellary_activities_workspace_id_seq", "workspace_id", "seq"),
    # For the feeds of a project, with each of their filters, and of a card.
    Index("ix_stellary_activities_project_id_id", "project_id", "id"),
    Index("ix_stellary_activities_project_id_actor_id_id", "project_id", "actor_id", "id"),
    Index("ix_stellary_activities_project_id_type_id", "project_id", "type", "id"),
    Index("ix_stellary_activities_card_id_id", "card_id", "id"),
    partial_index("ix_stellary_activities_other_entities", "project_id", "entity", "id", where=NOT_OF_CARDS),
    partial_index("ix_stellary_activities_people", "entity", "entity_id", where=OF_PEOPLE),
    partial_index(
        "ix_stellary_activities_address_digest", "address_digest", where="address_digest IS NOT NULL"
    ),
    partial_index("ix_stellary_activities_sampled_times", "project_id", "created_at", where=IS_SAMPLED),
    # For the feed and the pilotage of a workspace: few of its activities are not about cards.
    partial_index("ix_stellary_activities_apart_from_cards", "workspace_id", "id", where=APART_FROM_CARDS),
    sqlite_autoincrement=True,
)

organization_activities = record_table(
    "stellary_organization_activities",
    Column("organization_id", IdType, parent_key("stellary_organizations.id"), nullable=False),
    Column("actor_id", IdType, nullable=False),
    Column("type", String(40), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("entity_id", IdType, nullable=False),
    # Null instead of an empty list, and for a direct request.
    Column("changes", Json),
    Column("via", Json),
    Column("meta", Json, nullable=False),
    Index("ix_stellary_organization_activities_organization_id_id", "organization_id", "id"),
    partial_index("ix_stellary_organization_activities_members", "entity_id", "id", where=OF_MEMBERS),
)

notifications = record_table(
    "stellary_notifications",
    Column("user_id", IdType, parent_key("stellary_users.id"), nullable=False),
    Column("activity_id", IdType, parent_key("stellary_activities.id"), nullable=False, index=True),
    # The activity's workspace, copied so that counting and deleting need no join.
    Column("workspace_id", IdType, nullable=False),
    # Null for notifications that were written by an earlier version.
    Column("kind", String(20)),
    Column("read_at", UtcDateTime),
    Index("ix_stellary_notifications_user_id_id", "user_id", "id"),
    # For the count of unread notifications, which clients ask for often.
    partial_index(
        "ix_stellary_notifications_unread", "user_id", "id", "workspace_id", where="read_at IS NULL"
    ),
    # For the deletion of notifications that were read long ago.
    partial_index("ix_stellary_notifications_read_at", "read_at", where="read_at IS NOT NULL"),
)

deliveries = Table(
    "stellary_deliveries",
    metadata,
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True),
    Column("channel", String(52), primary_key=True),
    # No foreign key, whose index each insertion would have to write: a job deletes the row when it is due.
    Column("notification_id", IdType, primary_key=True),
    Column("due_at", UtcDateTime, nullable=False, index=True),
    Column("is_digest", Boolean, nullable=False),
)
"""The notifications that channels have yet to deliver, written by a job of the transaction of the notification."""

preferences = Table(
    "stellary_notification_preferences",
    metadata,
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True),
    # The choices that differ from the defaults, as requests contain them.
    Column("choices", Json, nullable=False),
    # The local day of the user's last reminders, as YYYY-MM-DD, and their time.
    Column("reminded_on", String(10)),
    Column("reminded_at", UtcDateTime),
)

watches = Table(
    "stellary_watches",
    metadata,
    # Empty for the whole project. No foreign key, since a card in the trash keeps its row, which a purge deletes.
    Column("card_id", IdType, primary_key=True),
    Column("project_id", IdType, parent_key("stellary_projects.id"), primary_key=True, index=True),
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True, index=True),
    Column("level", String(10), nullable=False),
    partial_index("ix_stellary_watches_muted", "project_id", "card_id", where=IS_MUTED),
)

watched_changes = Table(
    "stellary_watched_changes",
    metadata,
    Column("id", IdType, primary_key=True),
    # No foreign key, whose index each insertion would have to write: the job deletes the row in any case.
    Column("project_id", IdType, nullable=False),
    # The recipients whom each activity has already, by id.
    Column("notified", Json, nullable=False),
    # The person who was notified last; empty at first.
    Column("after", IdType, nullable=False),
    sqlite_with_rowid=False,
)
"""Activities of cards in watched projects, until a job has notified the people who watch them."""
