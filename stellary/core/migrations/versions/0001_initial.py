"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def upgrade() -> None:
    op.create_table(
        "stellary_idempotency_keys",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key_digest", name="pk_stellary_idempotency_keys"),
    )
    op.create_index(
        "ix_stellary_idempotency_keys_created_at", "stellary_idempotency_keys", ["created_at"], unique=False
    )
    op.create_table(
        "stellary_users",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=762), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=100), nullable=True),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("token_generation", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_users"),
        sa.UniqueConstraint("email_key", name="uq_stellary_users_email_key"),
        sa.UniqueConstraint("external_id", name="uq_stellary_users_external_id"),
    )
    op.create_table(
        "stellary_api_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_api_tokens_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_api_tokens"),
        sa.UniqueConstraint("token_digest", name="uq_stellary_api_tokens_token_digest"),
    )
    op.create_index(
        "ix_stellary_api_tokens_user_id_id", "stellary_api_tokens", ["user_id", "id"], unique=False
    )
    op.create_table(
        "stellary_organizations",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["stellary_users.id"], name="fk_stellary_organizations_owner_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_organizations"),
        sa.UniqueConstraint("slug", name="uq_stellary_organizations_slug"),
    )
    op.create_index(
        "ix_stellary_organizations_owner_id", "stellary_organizations", ["owner_id"], unique=False
    )
    op.create_table(
        "stellary_organization_members",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["stellary_organizations.id"],
            name="fk_stellary_organization_members_organization_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["stellary_users.id"],
            name="fk_stellary_organization_members_user_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name="pk_stellary_organization_members"),
    )
    op.create_index(
        "ix_stellary_organization_members_user_id", "stellary_organization_members", ["user_id"], unique=False
    )
    op.create_table(
        "stellary_workspaces",
        sa.Column("id", ID, nullable=False),
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("is_personal", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["stellary_organizations.id"],
            name="fk_stellary_workspaces_organization_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["stellary_users.id"], name="fk_stellary_workspaces_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_workspaces"),
        sa.UniqueConstraint("organization_id", "slug", name="uq_stellary_workspaces_organization_id_slug"),
    )
    op.create_index("ix_stellary_workspaces_owner_id", "stellary_workspaces", ["owner_id"], unique=False)
    op.create_index(
        "uq_stellary_workspaces_owner_id_personal",
        "stellary_workspaces",
        ["owner_id"],
        unique=True,
        sqlite_where=sa.text("is_personal"),
        postgresql_where=sa.text("is_personal"),
    )
    op.create_table(
        "stellary_activities",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("meta", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_activities_workspace_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_stellary_activities"),
        sa.UniqueConstraint("id", name="uq_stellary_activities_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_stellary_activities_workspace_id_seq", "stellary_activities", ["workspace_id", "seq"], unique=False
    )
    op.create_table(
        "stellary_invitations",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("email_key", sa.String(length=762), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("invited_by_id", ID, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["invited_by_id"], ["stellary_users.id"], name="fk_stellary_invitations_invited_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_invitations_workspace_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_invitations"),
        sa.UniqueConstraint("token_digest", name="uq_stellary_invitations_token_digest"),
        sa.UniqueConstraint(
            "workspace_id", "email_key", name="uq_stellary_invitations_workspace_id_email_key"
        ),
    )
    op.create_table(
        "stellary_projects",
        sa.Column("id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("key", sa.String(length=6), nullable=False),
        sa.Column("template_id", sa.String(length=40), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["stellary_users.id"], name="fk_stellary_projects_created_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_projects_workspace_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_projects"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_stellary_projects_workspace_id_key"),
    )
    op.create_table(
        "stellary_workspace_members",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("pilotage_role", sa.String(length=10), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["stellary_users.id"],
            name="fk_stellary_workspace_members_user_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_workspace_members_workspace_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name="pk_stellary_workspace_members"),
    )
    op.create_index(
        "ix_stellary_workspace_members_user_id", "stellary_workspace_members", ["user_id"], unique=False
    )
    op.create_table(
        "stellary_custom_fields",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=300), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_custom_fields_project_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_custom_fields"),
        sa.UniqueConstraint("project_id", "name_key", name="uq_stellary_custom_fields_project_id_name_key"),
    )
    op.create_index(
        "ix_stellary_custom_fields_project_id_id",
        "stellary_custom_fields",
        ["project_id", "id"],
        unique=False,
    )
    op.create_table(
        "stellary_labels",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("name_key", sa.String(length=100), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["stellary_projects.id"], name="fk_stellary_labels_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_labels"),
        sa.UniqueConstraint("project_id", "name_key", name="uq_stellary_labels_project_id_name_key"),
    )
    op.create_index("ix_stellary_labels_project_id_id", "stellary_labels", ["project_id", "id"], unique=False)
    op.create_table(
        "stellary_notifications",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("activity_id", ID, nullable=False),
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["stellary_activities.id"],
            name="fk_stellary_notifications_activity_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_notifications_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_notifications"),
    )
    op.create_index(
        "ix_stellary_notifications_activity_id", "stellary_notifications", ["activity_id"], unique=False
    )
    op.create_index(
        "ix_stellary_notifications_unread",
        "stellary_notifications",
        ["user_id", "id", "workspace_id"],
        unique=False,
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index(
        "ix_stellary_notifications_user_id_id", "stellary_notifications", ["user_id", "id"], unique=False
    )
    op.create_table(
        "stellary_project_members",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_project_members_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_project_members_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_stellary_project_members"),
    )
    op.create_index(
        "ix_stellary_project_members_user_id", "stellary_project_members", ["user_id"], unique=False
    )
    op.create_table(
        "stellary_scopes",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("start_date", MOMENT, nullable=True),
        sa.Column("due_date", MOMENT, nullable=True),
        sa.Column("active_view", sa.String(length=10), nullable=False),
        sa.Column("view_settings", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["stellary_projects.id"], name="fk_stellary_scopes_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_scopes"),
    )
    op.create_index(
        "ix_stellary_scopes_project_id_position", "stellary_scopes", ["project_id", "position"], unique=False
    )
    op.create_table(
        "stellary_columns",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("card_status", sa.String(length=20), nullable=True),
        sa.Column("wip_limit", sa.Integer(), nullable=True),
        sa.Column("directory", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_columns_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["stellary_scopes.id"], name="fk_stellary_columns_scope_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_columns"),
    )
    op.create_index("ix_stellary_columns_project_id", "stellary_columns", ["project_id"], unique=False)
    op.create_index(
        "ix_stellary_columns_scope_id_position", "stellary_columns", ["scope_id", "position"], unique=False
    )
    op.create_table(
        "stellary_cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("column_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.String(length=20), nullable=True),
        sa.Column("start_date", MOMENT, nullable=True),
        sa.Column("due_date", MOMENT, nullable=True),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.Column("assignee_id", ID, nullable=True),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("checklist", JSON, nullable=False),
        sa.Column("label_ids", JSON, nullable=False),
        sa.Column("custom_fields", JSON, nullable=False),
        sa.Column("comment_count", sa.Integer(), nullable=False),
        sa.Column("attachment_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["stellary_users.id"], name="fk_stellary_cards_assignee_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["column_id"], ["stellary_columns.id"], name="fk_stellary_cards_column_id"),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["stellary_users.id"], name="fk_stellary_cards_created_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["stellary_projects.id"], name="fk_stellary_cards_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_cards"),
        sa.UniqueConstraint("project_id", "number", name="uq_stellary_cards_project_id_number"),
    )
    op.create_index("ix_stellary_cards_assignee_id", "stellary_cards", ["assignee_id"], unique=False)
    op.create_index(
        "ix_stellary_cards_place", "stellary_cards", ["column_id", "archived", "position", "id"], unique=False
    )
    op.create_index("ix_stellary_cards_project_id_id", "stellary_cards", ["project_id", "id"], unique=False)
    op.create_table(
        "stellary_attachments",
        sa.Column("id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("uploaded_by_id", ID, nullable=False),
        sa.Column("original_name", sa.String(length=255), nullable=False),
        sa.Column("mime_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("blob_key", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["stellary_cards.id"], name="fk_stellary_attachments_card_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"], ["stellary_users.id"], name="fk_stellary_attachments_uploaded_by_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_attachments"),
        sa.UniqueConstraint("blob_key", name="uq_stellary_attachments_blob_key"),
    )
    op.create_index(
        "ix_stellary_attachments_card_id_id", "stellary_attachments", ["card_id", "id"], unique=False
    )
    op.create_table(
        "stellary_comments",
        sa.Column("id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["stellary_users.id"], name="fk_stellary_comments_author_id"),
        sa.ForeignKeyConstraint(
            ["card_id"], ["stellary_cards.id"], name="fk_stellary_comments_card_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_comments"),
    )
    op.create_index("ix_stellary_comments_card_id_id", "stellary_comments", ["card_id", "id"], unique=False)
    op.create_table(
        "stellary_relations",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("target_id", ID, nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"], ["stellary_users.id"], name="fk_stellary_relations_created_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["stellary_cards.id"], name="fk_stellary_relations_source_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["stellary_cards.id"], name="fk_stellary_relations_target_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_relations"),
        sa.UniqueConstraint(
            "source_id", "target_id", "type", name="uq_stellary_relations_source_id_target_id_type"
        ),
    )
    op.create_index(
        "ix_stellary_relations_target_id_id", "stellary_relations", ["target_id", "id"], unique=False
    )
    op.create_index(
        "uq_stellary_relations_parent",
        "stellary_relations",
        ["target_id"],
        unique=True,
        sqlite_where=sa.text("type = 'parent_of'"),
        postgresql_where=sa.text("type = 'parent_of'"),
    )
