-- The tables of the floor. TIMESTAMP stands for the type that the database keeps a moment in.
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE organizations (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE);
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    slug TEXT NOT NULL,
    UNIQUE (organization_id, slug)
);
CREATE TABLE workspace_members (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    key TEXT NOT NULL,
    last_number INTEGER NOT NULL
);
CREATE TABLE columns (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    scope_id TEXT NOT NULL,
    name TEXT NOT NULL,
    card_status TEXT
);
CREATE TABLE labels (id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects (id), name TEXT NOT NULL);
CREATE TABLE cards (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    scope_id TEXT NOT NULL,
    column_id TEXT NOT NULL REFERENCES columns (id),
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    priority TEXT,
    start_date TIMESTAMP,
    due_date TIMESTAMP,
    completed_at TIMESTAMP,
    assignee_id TEXT REFERENCES users (id),
    created_by_id TEXT NOT NULL REFERENCES users (id),
    position BIGINT NOT NULL,
    archived BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX cards_by_project ON cards (project_id);
CREATE INDEX cards_by_place ON cards (column_id, position);
CREATE TABLE card_labels (
    card_id TEXT NOT NULL REFERENCES cards (id),
    label_id TEXT NOT NULL REFERENCES labels (id),
    PRIMARY KEY (card_id, label_id)
);
CREATE TABLE checklist_items (
    id TEXT PRIMARY KEY,
    card_id TEXT NOT NULL REFERENCES cards (id),
    title TEXT NOT NULL,
    done BOOLEAN NOT NULL,
    position INTEGER NOT NULL
);
CREATE INDEX checklist_items_by_card ON checklist_items (card_id, position);
CREATE TABLE comments (
    id TEXT PRIMARY KEY,
    card_id TEXT NOT NULL REFERENCES cards (id),
    author_id TEXT NOT NULL REFERENCES users (id),
    content TEXT NOT NULL
);
CREATE INDEX comments_by_card ON comments (card_id);
CREATE TABLE attachments (id TEXT PRIMARY KEY, card_id TEXT NOT NULL REFERENCES cards (id));
CREATE INDEX attachments_by_card ON attachments (card_id);
CREATE TABLE activities (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    actor_id TEXT NOT NULL REFERENCES users (id),
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    card_id TEXT NOT NULL,
    meta TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX activities_by_project ON activities (project_id, id);
CREATE INDEX activities_by_card ON activities (card_id, id);
CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    activity_id TEXT NOT NULL REFERENCES activities (id),
    read_at TIMESTAMP
);
CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE TABLE search_entries (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id),
    id TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    card_id TEXT NOT NULL REFERENCES cards (id),
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX search_entries_by_project ON search_entries (project_id);
CREATE INDEX search_entries_by_card ON search_entries (card_id);
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
