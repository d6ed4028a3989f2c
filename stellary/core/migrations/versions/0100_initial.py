"""The schema of 0.1.0.

The tables as they were at the time, in SQL for both databases: words with a ``$`` are replaced, and constraints get the names
that the metadata gives them. A new database does not need this migration: it gets the newest schema directly.
"""

from __future__ import annotations

import re

from alembic import op

revision = "0100"
down_revision = None

_WORDS = {
    "sqlite": {
        "$ID": "VARCHAR(24)",
        "$MOMENT": "DATETIME",
        "$BYTES": "BLOB",
        "$FALSE": "0",
        "$SEQUENCE": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "$WITHOUT_ROWID": " WITHOUT ROWID",
    },
    "postgresql": {
        "$ID": 'VARCHAR(24) COLLATE "C"',
        "$MOMENT": "TIMESTAMP WITH TIME ZONE",
        "$BYTES": "BYTEA",
        "$FALSE": "false",
        "$SEQUENCE": "BIGSERIAL NOT NULL CONSTRAINT pk_stellary_activities PRIMARY KEY",
        "$WITHOUT_ROWID": "",
    },
}

_TABLES = """\
CREATE TABLE stellary_users (
    id $ID NOT NULL, email VARCHAR(254) NOT NULL, email_key VARCHAR(762) NOT NULL, name VARCHAR(100) NOT NULL,
    password_hash VARCHAR(100), external_id VARCHAR(200), agent_of_id $ID, token_generation INTEGER NOT NULL,
    unverified_since $MOMENT, deactivated_at $MOMENT, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL,
    PRIMARY KEY (id), UNIQUE (email_key), UNIQUE (external_id)
);
CREATE INDEX ix_stellary_users_agent_of_id ON stellary_users (agent_of_id);
CREATE TABLE stellary_login_attempts (
    "key" VARCHAR(64) NOT NULL, account VARCHAR(64), failures INTEGER NOT NULL, window_ends_at $MOMENT NOT NULL,
    known_until $MOMENT, PRIMARY KEY ("key")
);
CREATE INDEX ix_stellary_login_attempts_account ON stellary_login_attempts (account);
CREATE INDEX ix_stellary_login_attempts_known ON stellary_login_attempts (known_until) WHERE known_until IS NOT NULL;
CREATE INDEX ix_stellary_login_attempts_unknown ON stellary_login_attempts (window_ends_at) WHERE known_until IS NULL;
CREATE TABLE stellary_card_terms (
    term VARCHAR(100) NOT NULL, card_id $ID NOT NULL, PRIMARY KEY (term, card_id)
)$WITHOUT_ROWID;
CREATE TABLE stellary_jobs (
    id $ID NOT NULL, kind VARCHAR(60) NOT NULL, "key" VARCHAR(100), payload TEXT NOT NULL, due_at $MOMENT,
    claim_id $ID, claimed_by INTEGER, attempts INTEGER NOT NULL, error TEXT, created_at $MOMENT NOT NULL,
    PRIMARY KEY (id), UNIQUE ("key")
);
CREATE INDEX ix_stellary_jobs_claimed_by ON stellary_jobs (claimed_by) WHERE claimed_by IS NOT NULL;
CREATE INDEX ix_stellary_jobs_given_up ON stellary_jobs (created_at) WHERE due_at IS NULL;
CREATE INDEX ix_stellary_jobs_kind_due_at_id ON stellary_jobs (kind, due_at, id);
CREATE TABLE stellary_trash (
    id $ID NOT NULL, kind VARCHAR(20) NOT NULL, item_id $ID NOT NULL, name VARCHAR(500) NOT NULL, "key" VARCHAR(20),
    slug VARCHAR(60), organization_id $ID NOT NULL, workspace_id $ID, project_id $ID, author_id $ID,
    deleted_by_id $ID NOT NULL, row_count INTEGER NOT NULL, size BIGINT NOT NULL, deleted_at $MOMENT NOT NULL,
    expires_at $MOMENT NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX ix_stellary_trash_expires_at ON stellary_trash (expires_at);
CREATE INDEX ix_stellary_trash_item_id ON stellary_trash (item_id);
CREATE INDEX ix_stellary_trash_organization_id_kind_id ON stellary_trash (organization_id, kind, id);
CREATE INDEX ix_stellary_trash_project_id ON stellary_trash (project_id);
CREATE INDEX ix_stellary_trash_workspace_id_id ON stellary_trash (workspace_id, id);
CREATE TABLE stellary_trash_rows (
    trash_id $ID NOT NULL, table_name VARCHAR(80) NOT NULL, "key" VARCHAR(120) NOT NULL, data TEXT NOT NULL,
    blob_key VARCHAR(40), file_size INTEGER, PRIMARY KEY (trash_id, table_name, "key")
);
CREATE INDEX ix_stellary_trash_rows_blob_key ON stellary_trash_rows (blob_key) WHERE blob_key IS NOT NULL;
CREATE INDEX ix_stellary_trash_rows_table_name_key ON stellary_trash_rows (table_name, "key");
CREATE TABLE stellary_idempotency_keys (
    user_id $ID NOT NULL, key_digest VARCHAR(64) NOT NULL, request_digest VARCHAR(64) NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body $BYTES, created_at $MOMENT NOT NULL,
    PRIMARY KEY (user_id, key_digest)
);
CREATE INDEX ix_stellary_idempotency_keys_created_at ON stellary_idempotency_keys (created_at);
CREATE TABLE stellary_search_prefixes (
    prefix BIGINT NOT NULL, entry_id $ID NOT NULL, PRIMARY KEY (prefix, entry_id)
)$WITHOUT_ROWID;
CREATE TABLE stellary_store_tokens (
    token VARCHAR(32) NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (token)
);
CREATE TABLE stellary_organizations (
    id $ID NOT NULL, name VARCHAR(100) NOT NULL, slug VARCHAR(60) NOT NULL, owner_id $ID NOT NULL, trash_id $ID,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id), UNIQUE (slug),
    FOREIGN KEY (owner_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_organizations_owner_id ON stellary_organizations (owner_id);
CREATE TABLE stellary_api_tokens (
    id $ID NOT NULL, user_id $ID NOT NULL, name VARCHAR(100) NOT NULL, prefix VARCHAR(20) NOT NULL,
    token_digest VARCHAR(64) NOT NULL, scopes TEXT NOT NULL, expires_at $MOMENT, last_used_at $MOMENT,
    created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE, UNIQUE (token_digest)
);
CREATE INDEX ix_stellary_api_tokens_user_id_id ON stellary_api_tokens (user_id, id);
CREATE TABLE stellary_sessions (
    id VARCHAR(64) NOT NULL, user_id $ID NOT NULL, generation INTEGER NOT NULL, device VARCHAR(100),
    created_at $MOMENT NOT NULL, expires_at $MOMENT NOT NULL, ended_at $MOMENT, PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_sessions_expires_at ON stellary_sessions (expires_at);
CREATE INDEX ix_stellary_sessions_user_id_id ON stellary_sessions (user_id, id);
CREATE TABLE stellary_second_factors (
    user_id $ID NOT NULL, secret VARCHAR(64) NOT NULL, last_step BIGINT NOT NULL, confirmed_at $MOMENT,
    created_at $MOMENT NOT NULL, PRIMARY KEY (user_id),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE TABLE stellary_recovery_codes (
    user_id $ID NOT NULL, code_digest VARCHAR(64) NOT NULL, PRIMARY KEY (user_id, code_digest),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE TABLE stellary_identities (
    issuer VARCHAR(255) NOT NULL, subject VARCHAR(255) NOT NULL, id $ID NOT NULL, user_id $ID NOT NULL,
    created_at $MOMENT NOT NULL, PRIMARY KEY (issuer, subject),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_identities_user_id_id ON stellary_identities (user_id, id);
CREATE TABLE stellary_email_tokens (
    id $ID NOT NULL, user_id $ID NOT NULL, purpose VARCHAR(20) NOT NULL, token_digest VARCHAR(64) NOT NULL,
    email VARCHAR(254), expires_at $MOMENT NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE, UNIQUE (token_digest)
);
CREATE INDEX ix_stellary_email_tokens_expires_at ON stellary_email_tokens (expires_at);
CREATE INDEX ix_stellary_email_tokens_user_id_purpose ON stellary_email_tokens (user_id, purpose);
CREATE TABLE stellary_organization_members (
    organization_id $ID NOT NULL, user_id $ID NOT NULL, role VARCHAR(10) NOT NULL, created_at $MOMENT NOT NULL,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id) REFERENCES stellary_organizations (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_organization_members_user_id ON stellary_organization_members (user_id);
CREATE TABLE stellary_workspaces (
    id $ID NOT NULL, organization_id $ID NOT NULL, name VARCHAR(100) NOT NULL, slug VARCHAR(60) NOT NULL,
    owner_id $ID NOT NULL, is_personal BOOLEAN NOT NULL, pilotage_cycle VARCHAR(50) DEFAULT 'v1' NOT NULL,
    has_listeners BOOLEAN DEFAULT $FALSE NOT NULL, trash_id $ID, created_at $MOMENT NOT NULL,
    updated_at $MOMENT NOT NULL, PRIMARY KEY (id), UNIQUE (organization_id, slug),
    FOREIGN KEY (organization_id) REFERENCES stellary_organizations (id) ON DELETE CASCADE,
    FOREIGN KEY (owner_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_workspaces_owner_id ON stellary_workspaces (owner_id);
CREATE INDEX ix_stellary_workspaces_trash_id ON stellary_workspaces (trash_id, id) WHERE trash_id IS NOT NULL;
CREATE UNIQUE INDEX uq_stellary_workspaces_owner_id_personal ON stellary_workspaces (owner_id) WHERE is_personal;
CREATE TABLE stellary_organization_activities (
    id $ID NOT NULL, organization_id $ID NOT NULL, actor_id $ID NOT NULL, type VARCHAR(40) NOT NULL,
    entity VARCHAR(40) NOT NULL, entity_id $ID NOT NULL, changes TEXT, via TEXT, meta TEXT NOT NULL,
    created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (organization_id) REFERENCES stellary_organizations (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_organization_activities_members
    ON stellary_organization_activities (entity_id, id) WHERE entity = 'organization_member';
CREATE INDEX ix_stellary_organization_activities_organization_id_id
    ON stellary_organization_activities (organization_id, id);
CREATE TABLE stellary_workspace_members (
    workspace_id $ID NOT NULL, user_id $ID NOT NULL, role VARCHAR(10) NOT NULL, pilotage_role VARCHAR(10) NOT NULL,
    created_at $MOMENT NOT NULL, PRIMARY KEY (workspace_id, user_id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_workspace_members_user_id ON stellary_workspace_members (user_id);
CREATE TABLE stellary_invitations (
    id $ID NOT NULL, workspace_id $ID NOT NULL, email VARCHAR(254) NOT NULL, email_key VARCHAR(762) NOT NULL,
    role VARCHAR(10) NOT NULL, token_digest VARCHAR(64) NOT NULL, invited_by_id $ID NOT NULL,
    expires_at $MOMENT NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (id), UNIQUE (workspace_id, email_key),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE, UNIQUE (token_digest),
    FOREIGN KEY (invited_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_invitations_email_key ON stellary_invitations (email_key);
CREATE TABLE stellary_agents (
    id $ID NOT NULL, workspace_id $ID NOT NULL, name VARCHAR(100) NOT NULL, slug VARCHAR(60) NOT NULL,
    description TEXT, autonomy_mode VARCHAR(20) NOT NULL, tools TEXT NOT NULL, project_ids TEXT,
    max_actions INTEGER NOT NULL, window_seconds INTEGER NOT NULL, window_began_at $MOMENT NOT NULL,
    window_actions INTEGER NOT NULL, runtime VARCHAR(20) NOT NULL, model VARCHAR(200), status VARCHAR(20) NOT NULL,
    created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    UNIQUE (workspace_id, slug), FOREIGN KEY (id) REFERENCES stellary_users (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_agents_workspace_id_id ON stellary_agents (workspace_id, id);
CREATE TABLE stellary_projects (
    id $ID NOT NULL, workspace_id $ID, name VARCHAR(100) NOT NULL, description TEXT, "key" VARCHAR(6) NOT NULL,
    template_id VARCHAR(40) NOT NULL, archived BOOLEAN NOT NULL, last_number INTEGER NOT NULL,
    created_by_id $ID NOT NULL, version INTEGER NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL,
    PRIMARY KEY (id), UNIQUE (workspace_id, "key"),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_missions (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, objective VARCHAR(500) NOT NULL, module VARCHAR(100),
    status VARCHAR(20) NOT NULL, blocked_reason VARCHAR(200), completed_at $MOMENT, created_by_id $ID NOT NULL,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_priorities (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, label VARCHAR(500) NOT NULL, module VARCHAR(100),
    status VARCHAR(20) NOT NULL, completed_at $MOMENT, created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL,
    updated_at $MOMENT NOT NULL, PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_todos (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, label VARCHAR(500) NOT NULL, mission_number INTEGER,
    priority_number INTEGER, status VARCHAR(20) NOT NULL, completed_at $MOMENT, created_by_id $ID NOT NULL,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_decisions (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, title VARCHAR(500) NOT NULL, impact TEXT,
    created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL,
    PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_docs (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, title VARCHAR(500) NOT NULL, owner VARCHAR(100),
    source_type VARCHAR(20), created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL,
    PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE TABLE stellary_pilotage_actions (
    workspace_id $ID NOT NULL, number INTEGER NOT NULL, action_type VARCHAR(100) NOT NULL,
    explanation VARCHAR(500) NOT NULL, payload TEXT NOT NULL, resolved_payload TEXT, status VARCHAR(20) NOT NULL,
    reviewed_by_id $ID, review_reason VARCHAR(200), reviewed_at $MOMENT, applied_by_id $ID, applied_at $MOMENT,
    result TEXT, created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL,
    PRIMARY KEY (workspace_id, number),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (reviewed_by_id) REFERENCES stellary_users (id),
    FOREIGN KEY (applied_by_id) REFERENCES stellary_users (id),
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_pilotage_actions_workspace_id_status_number
    ON stellary_pilotage_actions (workspace_id, status, number);
CREATE TABLE stellary_pilotage_numbers (
    workspace_id $ID NOT NULL, kind VARCHAR(20) NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (workspace_id, kind),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE
);
CREATE TABLE stellary_activities (
    seq $SEQUENCE, id $ID NOT NULL, workspace_id $ID NOT NULL, project_id $ID, card_id $ID, actor_id $ID NOT NULL,
    type VARCHAR(40) NOT NULL, entity VARCHAR(40) DEFAULT 'card' NOT NULL, entity_id $ID, changes TEXT, via TEXT,
    item TEXT, meta TEXT NOT NULL, address_digest VARCHAR(64), created_at $MOMENT NOT NULL, UNIQUE (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_activities_address_digest
    ON stellary_activities (address_digest) WHERE address_digest IS NOT NULL;
CREATE INDEX ix_stellary_activities_apart_from_cards
    ON stellary_activities (workspace_id, id) WHERE entity NOT IN ('card', 'comment', 'attachment', 'relation');
CREATE INDEX ix_stellary_activities_card_id_id ON stellary_activities (card_id, id);
CREATE INDEX ix_stellary_activities_other_entities
    ON stellary_activities (project_id, entity, id) WHERE entity <> 'card';
CREATE INDEX ix_stellary_activities_people
    ON stellary_activities (entity, entity_id) WHERE entity IN ('invitation', 'member', 'workspace_member');
CREATE INDEX ix_stellary_activities_project_id_actor_id_id ON stellary_activities (project_id, actor_id, id);
CREATE INDEX ix_stellary_activities_project_id_id ON stellary_activities (project_id, id);
CREATE INDEX ix_stellary_activities_project_id_type_id ON stellary_activities (project_id, type, id);
CREATE INDEX ix_stellary_activities_sampled_times
    ON stellary_activities (project_id, created_at) WHERE (seq & 63) = 0;
CREATE INDEX ix_stellary_activities_workspace_id_seq ON stellary_activities (workspace_id, seq);
CREATE TABLE stellary_webhooks (
    id $ID NOT NULL, workspace_id $ID NOT NULL, url TEXT NOT NULL, events TEXT NOT NULL,
    secret VARCHAR(100) NOT NULL, active BOOLEAN NOT NULL, created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL,
    updated_at $MOMENT NOT NULL, sending_job_id $ID, failures INTEGER DEFAULT 0 NOT NULL, failing_since $MOMENT,
    retry_at $MOMENT, PRIMARY KEY (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_webhooks_created_by_id ON stellary_webhooks (created_by_id);
CREATE INDEX ix_stellary_webhooks_workspace_id_id ON stellary_webhooks (workspace_id, id);
CREATE TABLE stellary_agent_tokens (
    id $ID NOT NULL, agent_id $ID NOT NULL, name VARCHAR(100) NOT NULL, prefix VARCHAR(20) NOT NULL,
    token_digest VARCHAR(64) NOT NULL, created_by_id $ID NOT NULL, expires_at $MOMENT, last_used_at $MOMENT,
    created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (agent_id) REFERENCES stellary_agents (id) ON DELETE CASCADE, UNIQUE (token_digest),
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_agent_tokens_agent_id_id ON stellary_agent_tokens (agent_id, id);
CREATE TABLE stellary_agent_audit (
    id $ID NOT NULL, agent_id $ID NOT NULL, mission_id $ID, tool VARCHAR(100) NOT NULL, outcome VARCHAR(20) NOT NULL,
    reason TEXT, on_behalf_of_id $ID NOT NULL, proposal_id $ID, created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (agent_id) REFERENCES stellary_agents (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_agent_audit_agent_id_id ON stellary_agent_audit (agent_id, id);
CREATE INDEX ix_stellary_agent_audit_created_at ON stellary_agent_audit (created_at);
CREATE TABLE stellary_project_members (
    project_id $ID NOT NULL, user_id $ID NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (project_id, user_id),
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_project_members_user_id ON stellary_project_members (user_id);
CREATE TABLE stellary_scopes (
    id $ID NOT NULL, project_id $ID NOT NULL, name VARCHAR(100) NOT NULL, description TEXT,
    position INTEGER NOT NULL, is_default BOOLEAN NOT NULL, start_date $MOMENT, due_date $MOMENT,
    active_view VARCHAR(10) NOT NULL, view_settings TEXT NOT NULL, created_at $MOMENT NOT NULL,
    updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_scopes_project_id_position ON stellary_scopes (project_id, position);
CREATE TABLE stellary_labels (
    id $ID NOT NULL, project_id $ID NOT NULL, name VARCHAR(50) NOT NULL, name_key VARCHAR(100) NOT NULL,
    color VARCHAR(7) NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    UNIQUE (project_id, name_key), FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_labels_project_id_id ON stellary_labels (project_id, id);
CREATE TABLE stellary_custom_fields (
    id $ID NOT NULL, project_id $ID NOT NULL, name VARCHAR(100) NOT NULL, name_key VARCHAR(300) NOT NULL,
    type VARCHAR(20) NOT NULL, option_ids TEXT DEFAULT '[]' NOT NULL, options TEXT NOT NULL,
    required BOOLEAN NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    UNIQUE (project_id, name_key), FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_custom_fields_project_id_id ON stellary_custom_fields (project_id, id);
CREATE TABLE stellary_imports (
    id $ID NOT NULL, workspace_id $ID NOT NULL, project_id $ID NOT NULL, created_by_id $ID NOT NULL,
    name VARCHAR(100) NOT NULL, header $BYTES NOT NULL, ignored TEXT NOT NULL, new_ids TEXT NOT NULL,
    column_counts TEXT NOT NULL, part_count INTEGER NOT NULL, card_count INTEGER NOT NULL,
    relation_count INTEGER NOT NULL, completed_at $MOMENT, created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE, UNIQUE (project_id),
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_imports_created_by_id ON stellary_imports (created_by_id);
CREATE INDEX ix_stellary_imports_workspace_id ON stellary_imports (workspace_id);
CREATE TABLE stellary_automations (
    id $ID NOT NULL, project_id $ID NOT NULL, name VARCHAR(100) NOT NULL, "trigger" VARCHAR(40) NOT NULL,
    conditions TEXT NOT NULL, action_type VARCHAR(100) NOT NULL, action_params TEXT NOT NULL,
    enabled BOOLEAN NOT NULL, owner_id $ID NOT NULL, armed_at $MOMENT NOT NULL, created_at $MOMENT NOT NULL,
    updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (owner_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_automations_owner_id ON stellary_automations (owner_id);
CREATE INDEX ix_stellary_automations_project_id_id ON stellary_automations (project_id, id);
CREATE INDEX ix_stellary_automations_trigger_project_id ON stellary_automations ("trigger", project_id);
CREATE TABLE stellary_notifications (
    id $ID NOT NULL, user_id $ID NOT NULL, activity_id $ID NOT NULL, workspace_id $ID NOT NULL, read_at $MOMENT,
    created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (user_id) REFERENCES stellary_users (id) ON DELETE CASCADE,
    FOREIGN KEY (activity_id) REFERENCES stellary_activities (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_notifications_activity_id ON stellary_notifications (activity_id);
CREATE INDEX ix_stellary_notifications_read_at ON stellary_notifications (read_at) WHERE read_at IS NOT NULL;
CREATE INDEX ix_stellary_notifications_unread
    ON stellary_notifications (user_id, id, workspace_id) WHERE read_at IS NULL;
CREATE INDEX ix_stellary_notifications_user_id_id ON stellary_notifications (user_id, id);
CREATE TABLE stellary_webhook_deliveries (
    id $ID NOT NULL, webhook_id $ID NOT NULL, event VARCHAR(40) NOT NULL, payload TEXT NOT NULL,
    status VARCHAR(20) NOT NULL, attempts TEXT NOT NULL, tries INTEGER NOT NULL, queued_at $MOMENT,
    next_attempt_at $MOMENT, created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (webhook_id) REFERENCES stellary_webhooks (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_webhook_deliveries_bodies
    ON stellary_webhook_deliveries (created_at) WHERE status = 'succeeded' AND payload <> '';
CREATE INDEX ix_stellary_webhook_deliveries_pending
    ON stellary_webhook_deliveries (webhook_id, next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX ix_stellary_webhook_deliveries_sent
    ON stellary_webhook_deliveries (created_at) WHERE status <> 'pending';
CREATE INDEX ix_stellary_webhook_deliveries_webhook_id_id ON stellary_webhook_deliveries (webhook_id, id);
CREATE TABLE stellary_project_drafts (
    id $ID NOT NULL, workspace_id $ID NOT NULL, name VARCHAR(100) NOT NULL, description TEXT,
    context_documents TEXT NOT NULL, stage VARCHAR(20) NOT NULL, round INTEGER NOT NULL, asked TEXT NOT NULL,
    open_ids TEXT NOT NULL, answers TEXT NOT NULL, readiness_score INTEGER NOT NULL, missing TEXT NOT NULL,
    roadmap TEXT, feedback TEXT NOT NULL, project_id $ID, created_by_id $ID NOT NULL, version INTEGER NOT NULL,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE SET NULL,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_project_drafts_created_by_id ON stellary_project_drafts (created_by_id);
CREATE INDEX ix_stellary_project_drafts_project_id ON stellary_project_drafts (project_id);
CREATE INDEX ix_stellary_project_drafts_workspace_id_id ON stellary_project_drafts (workspace_id, id);
CREATE TABLE stellary_columns (
    id $ID NOT NULL, project_id $ID NOT NULL, scope_id $ID NOT NULL, name VARCHAR(100) NOT NULL,
    position INTEGER NOT NULL, card_status VARCHAR(20), wip_limit INTEGER, directory TEXT,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (scope_id) REFERENCES stellary_scopes (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_columns_project_id ON stellary_columns (project_id);
CREATE INDEX ix_stellary_columns_scope_id_position ON stellary_columns (scope_id, position);
CREATE TABLE stellary_import_parts (
    import_id $ID NOT NULL, number INTEGER NOT NULL, digest VARCHAR(64) NOT NULL, cards TEXT NOT NULL,
    relations TEXT NOT NULL, ignored TEXT NOT NULL, not_carried TEXT NOT NULL, PRIMARY KEY (import_id, number),
    FOREIGN KEY (import_id) REFERENCES stellary_imports (id) ON DELETE CASCADE
);
CREATE TABLE stellary_documents (
    id $ID NOT NULL, organization_id $ID NOT NULL, workspace_id $ID NOT NULL, context_type VARCHAR(20) NOT NULL,
    context_id $ID NOT NULL, project_id $ID, scope_id $ID, parent_id $ID, title VARCHAR(200) NOT NULL,
    doc_type VARCHAR(20) NOT NULL, content TEXT NOT NULL, tags TEXT NOT NULL, tag_keys TEXT NOT NULL,
    status VARCHAR(20) NOT NULL, submissions INTEGER NOT NULL, author_id $ID NOT NULL, reviewer_id $ID,
    review_notes TEXT, submitted_at $MOMENT, reviewed_at $MOMENT, told_of_id $ID NOT NULL, told_at $MOMENT NOT NULL,
    version INTEGER NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (organization_id) REFERENCES stellary_organizations (id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (scope_id) REFERENCES stellary_scopes (id) ON DELETE CASCADE,
    FOREIGN KEY (parent_id) REFERENCES stellary_documents (id) ON DELETE SET NULL,
    FOREIGN KEY (author_id) REFERENCES stellary_users (id), FOREIGN KEY (reviewer_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_documents_organization_id_context_type_id
    ON stellary_documents (organization_id, context_type, id);
CREATE INDEX ix_stellary_documents_parent_id ON stellary_documents (parent_id);
CREATE INDEX ix_stellary_documents_project_id ON stellary_documents (project_id);
CREATE INDEX ix_stellary_documents_scope_id ON stellary_documents (scope_id);
CREATE INDEX ix_stellary_documents_workspace_id_id ON stellary_documents (workspace_id, id);
CREATE TABLE stellary_automation_traces (
    id $ID NOT NULL, automation_id $ID NOT NULL, event_id $ID NOT NULL, event VARCHAR(40) NOT NULL,
    chain_id $ID NOT NULL, depth INTEGER NOT NULL, actor_id $ID NOT NULL, triggered_by_id $ID, card_id $ID,
    card_key VARCHAR(20), card_title VARCHAR(500), result VARCHAR(20) NOT NULL, error TEXT,
    duration_ms INTEGER NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (id), UNIQUE (automation_id, event_id),
    FOREIGN KEY (automation_id) REFERENCES stellary_automations (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_automation_traces_automation_id_id ON stellary_automation_traces (automation_id, id);
CREATE INDEX ix_stellary_automation_traces_chain_id ON stellary_automation_traces (chain_id);
CREATE INDEX ix_stellary_automation_traces_created_at ON stellary_automation_traces (created_at);
CREATE TABLE stellary_action_references (
    id $ID NOT NULL, workspace_id $ID NOT NULL, automation_id $ID, action_number INTEGER, part VARCHAR(20) NOT NULL,
    kind VARCHAR(20) NOT NULL, item_id VARCHAR(24) NOT NULL, name TEXT, is_alternative BOOLEAN NOT NULL,
    missing BOOLEAN NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (automation_id) REFERENCES stellary_automations (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_action_references_automation_id ON stellary_action_references (automation_id);
CREATE INDEX ix_stellary_action_references_item_id ON stellary_action_references (item_id);
CREATE INDEX ix_stellary_action_references_workspace_id_action_number
    ON stellary_action_references (workspace_id, action_number);
CREATE TABLE stellary_cards (
    id $ID NOT NULL, project_id $ID NOT NULL, scope_id $ID NOT NULL, column_id $ID NOT NULL, number INTEGER NOT NULL,
    title VARCHAR(500) NOT NULL, description TEXT, status VARCHAR(20) NOT NULL, priority VARCHAR(20),
    start_date $MOMENT, due_date $MOMENT, completed_at $MOMENT, assignee_id $ID, created_by_id $ID NOT NULL,
    position BIGINT NOT NULL, archived BOOLEAN NOT NULL, checklist TEXT NOT NULL, label_ids TEXT NOT NULL,
    custom_fields TEXT NOT NULL, comment_count INTEGER NOT NULL, attachment_count INTEGER NOT NULL,
    version INTEGER NOT NULL, created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    UNIQUE (project_id, number), FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (column_id) REFERENCES stellary_columns (id),
    FOREIGN KEY (assignee_id) REFERENCES stellary_users (id) ON DELETE SET NULL,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_cards_archived_project_id_id ON stellary_cards (archived, project_id, id);
CREATE INDEX ix_stellary_cards_assignee_id_project_id_id ON stellary_cards (assignee_id, project_id, id);
CREATE INDEX ix_stellary_cards_column_id_id ON stellary_cards (column_id, id);
CREATE INDEX ix_stellary_cards_completed_at
    ON stellary_cards (project_id, completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX ix_stellary_cards_counted ON stellary_cards (project_id, column_id, status) WHERE archived = false;
CREATE INDEX ix_stellary_cards_due_date ON stellary_cards (project_id, due_date) WHERE due_date IS NOT NULL;
CREATE INDEX ix_stellary_cards_open_due_date
    ON stellary_cards (project_id, due_date, status, archived)
    WHERE archived = false AND status <> 'done' AND due_date IS NOT NULL;
CREATE INDEX ix_stellary_cards_place ON stellary_cards (column_id, archived, position, id);
CREATE INDEX ix_stellary_cards_priority_project_id_id ON stellary_cards (priority, project_id, id);
CREATE INDEX ix_stellary_cards_project_id_id ON stellary_cards (project_id, id);
CREATE INDEX ix_stellary_cards_project_id_updated_at ON stellary_cards (project_id, updated_at);
CREATE INDEX ix_stellary_cards_status_project_id_id ON stellary_cards (status, project_id, id);
CREATE TABLE stellary_document_versions (
    id $ID NOT NULL, document_id $ID NOT NULL, number INTEGER NOT NULL, title VARCHAR(200) NOT NULL,
    doc_type VARCHAR(20) NOT NULL, content TEXT NOT NULL, tags TEXT NOT NULL, status VARCHAR(20) NOT NULL,
    submitted_by_id $ID NOT NULL, submitted_at $MOMENT NOT NULL, reviewer_id $ID, review_notes TEXT,
    reviewed_at $MOMENT, PRIMARY KEY (id), UNIQUE (document_id, number),
    FOREIGN KEY (document_id) REFERENCES stellary_documents (id) ON DELETE CASCADE,
    FOREIGN KEY (submitted_by_id) REFERENCES stellary_users (id),
    FOREIGN KEY (reviewer_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_document_versions_document_id_id ON stellary_document_versions (document_id, id);
CREATE TABLE stellary_document_comments (
    id $ID NOT NULL, document_id $ID NOT NULL, author_id $ID NOT NULL, imported_from TEXT, content TEXT NOT NULL,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (document_id) REFERENCES stellary_documents (id) ON DELETE CASCADE,
    FOREIGN KEY (author_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_document_comments_document_id_id ON stellary_document_comments (document_id, id);
CREATE TABLE stellary_agent_missions (
    id $ID NOT NULL, workspace_id $ID NOT NULL, agent_id $ID NOT NULL, card_id $ID NOT NULL, project_id $ID NOT NULL,
    prompt TEXT NOT NULL, status VARCHAR(20) NOT NULL, autonomy_mode VARCHAR(20) NOT NULL, result TEXT, error TEXT,
    created_by_id $ID NOT NULL, step INTEGER NOT NULL, history TEXT, calls TEXT NOT NULL, turns INTEGER NOT NULL,
    last_entry INTEGER NOT NULL, created_at $MOMENT NOT NULL, started_at $MOMENT, finished_at $MOMENT,
    PRIMARY KEY (id), FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (agent_id) REFERENCES stellary_agents (id) ON DELETE CASCADE,
    FOREIGN KEY (card_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_agent_missions_agent_id_id ON stellary_agent_missions (agent_id, id);
CREATE INDEX ix_stellary_agent_missions_card_id_id ON stellary_agent_missions (card_id, id);
CREATE UNIQUE INDEX uq_stellary_agent_missions_card_id_at_work
    ON stellary_agent_missions (card_id) WHERE status IN ('running', 'awaiting_approval');
CREATE TABLE stellary_comments (
    id $ID NOT NULL, card_id $ID NOT NULL, author_id $ID NOT NULL, imported_from TEXT, content TEXT NOT NULL,
    created_at $MOMENT NOT NULL, updated_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (card_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (author_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_comments_card_id_id ON stellary_comments (card_id, id);
CREATE TABLE stellary_relations (
    id $ID NOT NULL, source_id $ID NOT NULL, target_id $ID NOT NULL, type VARCHAR(20) NOT NULL,
    created_by_id $ID NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (id), UNIQUE (source_id, target_id, type),
    FOREIGN KEY (source_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (target_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (created_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_relations_target_id_id ON stellary_relations (target_id, id);
CREATE UNIQUE INDEX uq_stellary_relations_parent ON stellary_relations (target_id) WHERE type = 'parent_of';
CREATE TABLE stellary_attachments (
    id $ID NOT NULL, card_id $ID NOT NULL, uploaded_by_id $ID NOT NULL, original_name VARCHAR(255) NOT NULL,
    mime_type VARCHAR(255) NOT NULL, size INTEGER NOT NULL, sha256 VARCHAR(64) NOT NULL,
    blob_key VARCHAR(40) NOT NULL, created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (card_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (uploaded_by_id) REFERENCES stellary_users (id), UNIQUE (blob_key)
);
CREATE INDEX ix_stellary_attachments_card_id_id ON stellary_attachments (card_id, id);
CREATE TABLE stellary_due_dates_reached (
    card_id $ID NOT NULL, due_date $MOMENT NOT NULL, PRIMARY KEY (card_id, due_date),
    FOREIGN KEY (card_id) REFERENCES stellary_cards (id) ON DELETE CASCADE
);
CREATE TABLE stellary_search_entries (
    workspace_id $ID NOT NULL, id $ID NOT NULL, kind VARCHAR(20) NOT NULL, organization_id $ID, project_id $ID,
    card_id $ID, document_id $ID, title TEXT NOT NULL, body TEXT NOT NULL, prefixes TEXT DEFAULT '' NOT NULL,
    is_indexed BOOLEAN DEFAULT $FALSE NOT NULL, PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id) REFERENCES stellary_organizations (id) ON DELETE CASCADE,
    FOREIGN KEY (project_id) REFERENCES stellary_projects (id) ON DELETE CASCADE,
    FOREIGN KEY (card_id) REFERENCES stellary_cards (id) ON DELETE CASCADE,
    FOREIGN KEY (document_id) REFERENCES stellary_documents (id) ON DELETE CASCADE
);
CREATE INDEX ix_stellary_search_entries_card_id ON stellary_search_entries (card_id);
CREATE INDEX ix_stellary_search_entries_document_id ON stellary_search_entries (document_id);
CREATE INDEX ix_stellary_search_entries_fresh
    ON stellary_search_entries (is_indexed, workspace_id, id) WHERE is_indexed = false;
CREATE INDEX ix_stellary_search_entries_fresh_in_organization
    ON stellary_search_entries (is_indexed, organization_id, id) WHERE is_indexed = false AND organization_id IS NOT NULL;
CREATE INDEX ix_stellary_search_entries_organization_id_id ON stellary_search_entries (organization_id, id);
CREATE INDEX ix_stellary_search_entries_project_id_id ON stellary_search_entries (project_id, id);
CREATE TABLE stellary_agent_mission_log (
    mission_id $ID NOT NULL, number INTEGER NOT NULL, kind VARCHAR(20) NOT NULL, data TEXT NOT NULL,
    created_at $MOMENT NOT NULL, PRIMARY KEY (mission_id, number),
    FOREIGN KEY (mission_id) REFERENCES stellary_agent_missions (id) ON DELETE CASCADE
);
CREATE TABLE stellary_agent_proposals (
    id $ID NOT NULL, workspace_id $ID NOT NULL, agent_id $ID NOT NULL, mission_id $ID, call_id VARCHAR(100),
    action VARCHAR(100) NOT NULL, params TEXT NOT NULL, call TEXT, blob_key VARCHAR(40), summary TEXT NOT NULL,
    seen TEXT NOT NULL, status VARCHAR(20) NOT NULL, reason TEXT, decided_by_id $ID, decided_at $MOMENT, result TEXT,
    created_at $MOMENT NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY (workspace_id) REFERENCES stellary_workspaces (id) ON DELETE CASCADE,
    FOREIGN KEY (agent_id) REFERENCES stellary_agents (id) ON DELETE CASCADE,
    FOREIGN KEY (mission_id) REFERENCES stellary_agent_missions (id) ON DELETE CASCADE,
    FOREIGN KEY (decided_by_id) REFERENCES stellary_users (id)
);
CREATE INDEX ix_stellary_agent_proposals_agent_id_status ON stellary_agent_proposals (agent_id, status);
CREATE INDEX ix_stellary_agent_proposals_blob_key ON stellary_agent_proposals (blob_key);
CREATE INDEX ix_stellary_agent_proposals_mission_id_id ON stellary_agent_proposals (mission_id, id);
CREATE INDEX ix_stellary_agent_proposals_workspace_id_id ON stellary_agent_proposals (workspace_id, id);
CREATE INDEX ix_stellary_agent_proposals_workspace_id_status_id
    ON stellary_agent_proposals (workspace_id, status, id);
"""

_SQLITE_TERMS = """
    SELECT label.value AS term FROM json_each(CARD.label_ids) AS label
    UNION
    SELECT field.key || ':' || substr(element.value, 1, 64) FROM json_each(CARD.custom_fields) AS field, json_each(CASE field.type
        WHEN 'array' THEN field.value
        WHEN 'text' THEN json_array(field.value)
        WHEN 'true' THEN '["true"]'
        WHEN 'false' THEN '["false"]'
        ELSE '[]'
    END) AS element"""
_POSTGRESQL_VALUES = """SELECT field.key || ':' || left(element.value, 64) AS term
    FROM jsonb_each(CARD.custom_fields::jsonb) AS field, jsonb_array_elements_text(CASE jsonb_typeof(field.value)
        WHEN 'array' THEN field.value
        WHEN 'number' THEN '[]'
        ELSE jsonb_build_array(field.value)
    END) AS element"""
# Only the end of a statement is a semicolon at the end of a line.
_TRIGGERS = {
    "sqlite": """\
CREATE TRIGGER stellary_cards_version AFTER UPDATE ON stellary_cards WHEN NEW.version = OLD.version
    AND NEW.updated_at = OLD.updated_at AND NEW.position = OLD.position AND NEW.column_id = OLD.column_id
    AND NEW.comment_count = OLD.comment_count AND NEW.attachment_count = OLD.attachment_count
    AND NEW.assignee_id IS OLD.assignee_id AND (NEW.title, NEW.description, NEW.status, NEW.priority, NEW.checklist,
        NEW.label_ids, NEW.custom_fields, NEW.start_date, NEW.due_date, NEW.completed_at, NEW.archived, NEW.scope_id,
        NEW.number, NEW.created_by_id, NEW.created_at) IS NOT (OLD.title, OLD.description, OLD.status, OLD.priority,
        OLD.checklist, OLD.label_ids, OLD.custom_fields, OLD.start_date, OLD.due_date, OLD.completed_at, OLD.archived,
        OLD.scope_id, OLD.number, OLD.created_by_id, OLD.created_at)
BEGIN UPDATE stellary_cards SET version = version + 1 WHERE id = NEW.id; END;
CREATE TRIGGER stellary_card_terms_insert AFTER INSERT ON stellary_cards WHEN (NEW.label_ids <> '[]' OR
    NEW.custom_fields <> '{}')
BEGIN INSERT INTO stellary_card_terms (term, card_id) SELECT term, NEW.id FROM ($TERMS_OF_NEW) AS terms; END;
CREATE TRIGGER stellary_card_terms_update AFTER UPDATE OF label_ids, custom_fields ON stellary_cards WHEN
    (NEW.label_ids <> OLD.label_ids OR NEW.custom_fields <> OLD.custom_fields)
BEGIN DELETE FROM stellary_card_terms WHERE card_id = OLD.id AND term IN ($TERMS_OF_OLD); INSERT INTO
    stellary_card_terms (term, card_id) SELECT term, NEW.id FROM ($TERMS_OF_NEW) AS terms; END;
CREATE TRIGGER stellary_card_terms_delete AFTER DELETE ON stellary_cards WHEN (OLD.label_ids <> '[]' OR
    OLD.custom_fields <> '{}')
BEGIN DELETE FROM stellary_card_terms WHERE card_id = OLD.id AND term IN ($TERMS_OF_OLD); END;
CREATE TRIGGER stellary_search_prefixes_insert AFTER INSERT ON stellary_search_entries WHEN (NEW.prefixes <> '')
BEGIN INSERT OR IGNORE INTO stellary_search_prefixes (prefix, entry_id) SELECT numbers.value, NEW.id FROM (SELECT
    value FROM json_each('[' || NEW.prefixes || ']')) AS numbers; END;
CREATE TRIGGER stellary_search_prefixes_update AFTER UPDATE OF prefixes ON stellary_search_entries WHEN (NEW.prefixes
    <> OLD.prefixes)
BEGIN DELETE FROM stellary_search_prefixes WHERE entry_id = OLD.id AND prefix IN (SELECT value FROM json_each('[' ||
    OLD.prefixes || ']') EXCEPT SELECT value FROM json_each('[' || NEW.prefixes || ']')); INSERT OR IGNORE INTO
    stellary_search_prefixes (prefix, entry_id) SELECT numbers.value, NEW.id FROM (SELECT value FROM json_each('[' ||
    NEW.prefixes || ']')) AS numbers; END;
CREATE TRIGGER stellary_search_prefixes_delete AFTER DELETE ON stellary_search_entries WHEN (OLD.prefixes <> '')
BEGIN DELETE FROM stellary_search_prefixes WHERE entry_id = OLD.id AND prefix IN (SELECT value FROM json_each('[' ||
    OLD.prefixes || ']')); END;
""",
    "postgresql": """\
CREATE OR REPLACE FUNCTION stellary_keep_card_terms() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP <>
    'INSERT' THEN IF OLD.label_ids <> '[]' THEN DELETE FROM stellary_card_terms WHERE card_id = OLD.id AND term IN
    (SELECT jsonb_array_elements_text(OLD.label_ids::jsonb) AS term); END IF; IF OLD.custom_fields <> '{}' THEN DELETE
    FROM stellary_card_terms WHERE card_id = OLD.id AND term IN ($VALUES_OF_OLD); END IF; END IF; IF TG_OP <> 'DELETE'
    THEN IF NEW.label_ids <> '[]' THEN INSERT INTO stellary_card_terms (term, card_id) SELECT term, NEW.id FROM
    (SELECT jsonb_array_elements_text(NEW.label_ids::jsonb) AS term) AS terms ON CONFLICT DO NOTHING; END IF; IF
    NEW.custom_fields <> '{}' THEN INSERT INTO stellary_card_terms (term, card_id) SELECT term, NEW.id FROM
    ($VALUES_OF_NEW) AS terms ON CONFLICT DO NOTHING; END IF; END IF; RETURN NULL; END $$;
CREATE TRIGGER stellary_card_terms_insert AFTER INSERT ON stellary_cards FOR EACH ROW WHEN (NEW.label_ids <> '[]' OR
    NEW.custom_fields <> '{}')
EXECUTE FUNCTION stellary_keep_card_terms();
CREATE TRIGGER stellary_card_terms_update AFTER UPDATE OF label_ids, custom_fields ON stellary_cards FOR EACH ROW WHEN
    (NEW.label_ids <> OLD.label_ids OR NEW.custom_fields <> OLD.custom_fields)
EXECUTE FUNCTION stellary_keep_card_terms();
CREATE TRIGGER stellary_card_terms_delete AFTER DELETE ON stellary_cards FOR EACH ROW WHEN (OLD.label_ids <> '[]' OR
    OLD.custom_fields <> '{}')
EXECUTE FUNCTION stellary_keep_card_terms();
CREATE OR REPLACE FUNCTION stellary_keep_search_prefixes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP =
    'INSERT' THEN INSERT INTO stellary_search_prefixes (prefix, entry_id) SELECT numbers.value, NEW.id FROM (SELECT
    unnest(string_to_array(NEW.prefixes, ',')::bigint[]) AS value) AS numbers ON CONFLICT DO NOTHING; END IF; IF TG_OP
    = 'UPDATE' THEN DELETE FROM stellary_search_prefixes WHERE entry_id = OLD.id AND prefix IN (SELECT
    unnest(string_to_array(OLD.prefixes, ',')::bigint[]) AS value EXCEPT SELECT unnest(string_to_array(NEW.prefixes,
    ',')::bigint[]) AS value); INSERT INTO stellary_search_prefixes (prefix, entry_id) SELECT numbers.value, NEW.id
    FROM (SELECT unnest(string_to_array(NEW.prefixes, ',')::bigint[]) AS value) AS numbers ON CONFLICT DO NOTHING; END
    IF; IF TG_OP = 'DELETE' THEN DELETE FROM stellary_search_prefixes WHERE entry_id = OLD.id AND prefix IN (SELECT
    unnest(string_to_array(OLD.prefixes, ',')::bigint[]) AS value); END IF; RETURN NULL; END $$;
CREATE TRIGGER stellary_search_prefixes_insert AFTER INSERT ON stellary_search_entries FOR EACH ROW WHEN (NEW.prefixes
    <> '')
EXECUTE FUNCTION stellary_keep_search_prefixes();
CREATE TRIGGER stellary_search_prefixes_update AFTER UPDATE OF prefixes ON stellary_search_entries FOR EACH ROW WHEN
    (NEW.prefixes <> OLD.prefixes)
EXECUTE FUNCTION stellary_keep_search_prefixes();
CREATE TRIGGER stellary_search_prefixes_delete AFTER DELETE ON stellary_search_entries FOR EACH ROW WHEN (OLD.prefixes
    <> '')
EXECUTE FUNCTION stellary_keep_search_prefixes();
""",
}


def upgrade() -> None:
    connection = op.get_bind()
    for statement in _build_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def _build_statements(dialect: str) -> list[str]:
    """Return the statements that create the schema."""
    words = dict(_WORDS[dialect])
    for row in ("OLD", "NEW"):
        words[f"$TERMS_OF_{row}"] = _SQLITE_TERMS.replace("CARD", row)
        words[f"$VALUES_OF_{row}"] = _POSTGRESQL_VALUES.replace("CARD", row)
    script = _TABLES + _TRIGGERS[dialect]
    for word, meaning in words.items():
        script = script.replace(word, meaning)
    return [_name_constraints(statement) for statement in script.split(";\n")[:-1]]


def _name_constraints(statement: str) -> str:
    """Name the constraints of a CREATE TABLE by its kind, the table and its columns."""
    table = re.match(r"CREATE TABLE (\w+)", statement)
    if table is None:
        return statement

    def name(constraint: re.Match[str]) -> str:
        columns = [] if constraint[1] == "PRIMARY KEY" else re.findall(r"\w+", constraint[2])
        prefix = {"PRIMARY KEY": "pk", "UNIQUE": "uq", "FOREIGN KEY": "fk"}[constraint[1]]
        return f"CONSTRAINT {'_'.join([prefix, table[1], *columns])} {constraint[0]}"

    return re.sub(r"(PRIMARY KEY|UNIQUE|FOREIGN KEY) \(([^)]*)\)", name, statement)
