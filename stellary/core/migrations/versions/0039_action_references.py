"""References of rules and proposed actions by id: names become ids; a name that matches no single item breaks the rule."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, read_in_batches

revision = "0039"
down_revision = "0038"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
_TABLE = "stellary_action_references"
_FIELD = "customFields."
_CONDITIONS = {
    "columnId": "column",
    "fromColumnId": "column",
    "toColumnId": "column",
    "scopeId": "scope",
    "assigneeId": "person",
    "fromAssigneeId": "person",
    "toAssigneeId": "person",
    "createdById": "person",
    "labelIds": "label",
}
_PARAMS = {
    "targetCardId": "card",
    "before": "card",
    "after": "card",
    "columnId": "column",
    "assigneeId": "person",
    "to": "person",
    "labelIds": "label",
    "documentId": "document",
    "parentId": "document",
    "missionId": "mission",
    "priorityId": "priority",
    "todoId": "todo",
}
_BY_ID = {"eq": "in", "ne": "not_in", "in": "in", "not_in": "not_in"}
_SQL = {
    "project": "SELECT id, name, key FROM stellary_projects WHERE workspace_id = :workspace",
    "column": (
        "SELECT c.id, c.name, NULL, c.scope_id FROM stellary_columns c JOIN stellary_scopes s ON s.id = c.scope_id"
        " WHERE c.project_id = :project ORDER BY s.position, s.id, c.position, c.id"
    ),
    "scope": "SELECT id, name, NULL FROM stellary_scopes WHERE project_id = :project",
    "label": "SELECT id, name, NULL FROM stellary_labels WHERE project_id = :project",
    "custom_field": "SELECT id, name, NULL FROM stellary_custom_fields WHERE project_id = :project",
    "person": (
        "SELECT id, name, email FROM stellary_users WHERE id IN ("
        "SELECT user_id FROM stellary_workspace_members WHERE workspace_id = :workspace"
        " UNION SELECT id FROM stellary_agents WHERE workspace_id = :workspace"
        " UNION SELECT owner_id FROM stellary_workspaces WHERE id = :workspace"
        " UNION SELECT m.user_id FROM stellary_organization_members m"
        " JOIN stellary_workspaces w ON w.organization_id = m.organization_id"
        " WHERE w.id = :workspace AND m.role IN ('owner', 'admin'))"
    ),
    "card": (
        "SELECT c.id, c.title, p.key || '-' || c.number, c.scope_id, c.project_id FROM stellary_cards c"
        " JOIN stellary_projects p ON p.id = c.project_id WHERE p.workspace_id = :workspace AND"
        " (c.id = :text OR lower(c.title) = lower(:text) OR p.key || '-' || c.number = upper(:text)) LIMIT 3"
    ),
    "document": (
        "SELECT id, title, NULL FROM stellary_documents WHERE workspace_id = :workspace AND"
        " (id = :text OR lower(title) = lower(:text)) LIMIT 3"
    ),
}
_RULES = """
SELECT a.id, a.conditions, a.action_type, a.action_params, a.project_id, p.workspace_id
FROM stellary_automations a JOIN stellary_projects p ON p.id = a.project_id
WHERE a.id >= :first AND a.id <= :last AND p.workspace_id IS NOT NULL
"""
_ACTIONS = """
SELECT workspace_id, number, action_type, payload FROM stellary_pilotage_actions
WHERE workspace_id >= :first AND workspace_id <= :last AND status IN ('suggested', 'approved')
"""
_Found = tuple[str, str, bool, str | None]
"""The kind and the id of an item, whether it is one of several columns, and why there is none."""


class _Resolver:
    """The names of one action or of the conditions of one rule, and the items that they refer to."""

    def __init__(self, connection: sa.Connection, workspace: str, project: str) -> None:
        self.connection, self.workspace, self.project = connection, workspace, project
        self.found: dict[tuple[str, str], _Found] = {}

    def list_items(self, kind: str, text: str) -> Sequence[Any]:
        names = {"workspace": self.workspace, "project": self.project, "text": text}
        statement = sa.text(_SQL[kind])
        parameters = {key: value for key, value in names.items() if f":{key}" in _SQL[kind]}
        return self.connection.execute(statement, parameters).all()

    def find(self, kind: str, text: str) -> list[Any]:
        """Return the rows of the items with this id, or else with this name."""
        rows = self.list_items(kind, text)
        folded = " ".join(text.casefold().split())
        tests: list[Callable[[Any], bool]] = [
            lambda row: row[0] == text,
            lambda row: row[1] == text,
            lambda row: folded in (" ".join(name.casefold().split()) for name in row[1:3] if name),
            lambda row: kind == "person" and folded == row[1].casefold().split()[0],
        ]
        return next((matching for test in tests if (matching := [row for row in rows if test(row)])), [])

    def add(self, kind: str, id: str, *, is_alternative: bool = False, problem: str | None = None) -> str:
        self.found[kind, id] = (kind, id, is_alternative, problem)
        return id

    def resolve(self, kind: str, text: Any, path: str) -> Any:
        """Return the id of the one item, or the text if there is none or several."""
        if not isinstance(text, str) or kind not in _SQL:
            return self.add(kind, text) if isinstance(text, str) else text
        rows = self.find(kind, text)
        if len(rows) != 1:
            number = "several items" if rows else "no item"
            self.add("unresolved", path, problem=f"{path} {text[:100]!r} is the name of {number}")
            return text
        return self.add(kind, rows[0][0])

    def resolve_columns(self, text: Any, path: str, *, one_per_scope: bool) -> list[Any]:
        columns = self.list_items("column", str(text))
        # Another spelling in another scope is the same name for a card of that scope.
        rows = [row for row in columns if row[1].casefold() == str(text).casefold()]
        if len(rows) < 2 or (one_per_scope and len({row[3] for row in rows}) < len(rows)):
            return [self.resolve("column", text, path)]
        return [self.add("column", row[0], is_alternative=True) for row in rows]

    def resolve_conditions(self, group: Any, path: str) -> Any:
        if not isinstance(group, dict):
            return group
        for word in ("all", "any"):
            if isinstance(group.get(word), list):
                parts = enumerate(group[word])
                return {word: [self.resolve_conditions(part, f"{path}.{word}[{n}]") for n, part in parts]}
        field, op_, value = group.get("field"), group.get("op"), group.get("value")
        if not isinstance(field, str):
            return group
        if field.startswith(_FIELD):
            return {**group, "field": _FIELD + self.resolve("custom_field", field[len(_FIELD) :], path)}
        if field in ("fromColumn", "toColumn") and op_ in _BY_ID and value is not None:
            values = value if isinstance(value, list) else [value]
            ids = [id for text in values for id in self.resolve_columns(text, path, one_per_scope=False)]
            if len(ids) == 1 and values is not value:
                return {"field": f"{field}Id", "op": op_, "value": ids[0]}
            return {"field": f"{field}Id", "op": _BY_ID[op_], "value": ids}
        if field in _CONDITIONS and (op_ in _BY_ID or field == "labelIds" and op_ == "contains"):
            return {**group, "value": self.resolve_all(_CONDITIONS[field], value, f"{path}.value")}
        return group

    def resolve_all(self, kind: str, value: Any, path: str) -> Any:
        if isinstance(value, list):
            return [self.resolve_all(kind, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if kind == "person" and value in ("assignee", "creator") and ".to[" in path:
            return value
        return self.resolve(kind, value, path)

    def resolve_params(self, action: str, params: dict[str, Any], path: str) -> dict[str, Any]:
        params, scope, is_about_card = dict(params), None, action not in ("create_card", "create_cards_bulk")
        if "projectId" in params:
            params["projectId"] = self.resolve("project", params["projectId"], f"{path}projectId")
            self.project = params["projectId"]
        if "cardId" in params:
            rows = self.find("card", str(params["cardId"]))
            params["cardId"] = self.resolve("card", params["cardId"], f"{path}cardId")
            if len(rows) == 1:
                scope, self.project = rows[0][3], self.add("project", rows[0][4])
        for name in ("targetColumn", "column"):
            if isinstance(params.get(name), str):
                params[name] = self.resolve_target(params[name], path + name, scope, is_about_card)
        for card in params.get("cards") or () if action == "create_cards_bulk" else ():
            if isinstance(card, dict) and "column" in card:
                card["column"] = self.resolve_target(card["column"], f"{path}cards.column", None, False)
        for name, kind in _PARAMS.items():
            if params.get(name) is not None:
                params[name] = self.resolve_all(kind, params[name], path + name)
        if action in ("add_label", "remove_label") and "label" in params:
            params["label"] = self.resolve("label", params["label"], f"{path}label")
        if isinstance(params.get("customFields"), dict):
            for field in params["customFields"]:
                self.resolve("custom_field", field, f"{path}customFields")
        return params

    def resolve_target(self, text: Any, path: str, scope: str | None, is_about_card: bool) -> Any:
        """Return the id of a column; if the card of an event selects its scope, perhaps the ids of several."""
        rows = self.find("column", text) if isinstance(text, str) else []
        if is_about_card and scope is None:
            ids = self.resolve_columns(text, path, one_per_scope=True)
            return ids if len(ids) > 1 else ids[0]
        near = [row for row in rows if row[3] == (scope or rows[0][3])]
        return self.add("column", near[0][0]) if len(near) == 1 else self.resolve("column", text, path)


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("id", _ID, nullable=False),
        sa.Column("workspace_id", _ID, nullable=False),
        sa.Column("automation_id", _ID),
        sa.Column("action_number", sa.Integer()),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("item_id", sa.String(length=24), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("is_alternative", sa.Boolean(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name=f"fk_{_TABLE}_workspace_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["stellary_automations.id"],
            name=f"fk_{_TABLE}_automation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{_TABLE}"),
        if_not_exists=True,
    )
    for columns in (("automation_id",), ("item_id",), ("workspace_id", "action_number")):
        op.create_index(f"ix_{_TABLE}_{'_'.join(columns)}", _TABLE, list(columns), if_not_exists=True)
    add_column("stellary_pilotage_actions", sa.Column("resolved_payload", sa.Text()))
    connection = op.get_bind()
    for rows in read_in_batches("stellary_automations", ["project_id"]):
        for rule in connection.execute(sa.text(_RULES), {"first": rows[0].id, "last": rows[-1].id}).all():
            _resolve_rule(connection, rule)
    for rows in read_in_batches("stellary_workspaces", ["name"]):
        for action in connection.execute(sa.text(_ACTIONS), {"first": rows[0].id, "last": rows[-1].id}).all():
            _resolve_action(connection, action)


def _resolve_rule(connection: sa.Connection, rule: Any) -> None:
    conditions, params = _read(rule.conditions), _read(rule.action_params)
    owner = {"workspace_id": rule.workspace_id, "automation_id": rule.id}
    connection.execute(sa.text(f"DELETE FROM {_TABLE} WHERE automation_id = :id"), {"id": rule.id})  # noqa: S608
    resolvers = [_Resolver(connection, rule.workspace_id, rule.project_id) for _ in range(2)]
    written = {
        "id": rule.id,
        "conditions": _write(resolvers[0].resolve_conditions(conditions, "conditions")),
        "params": _write(resolvers[1].resolve_params(rule.action_type, params, "action.params.")),
    }
    statement = "UPDATE stellary_automations SET conditions = :conditions, action_params = :params WHERE id = :id"
    connection.execute(sa.text(statement), written)
    for part, resolver in zip(("conditions", "action"), resolvers, strict=True):
        _insert(connection, {**owner, "part": part}, resolver)


def _resolve_action(connection: sa.Connection, action: Any) -> None:
    owner = {"workspace_id": action.workspace_id, "action_number": action.number}
    condition = "workspace_id = :workspace_id AND action_number = :action_number"
    connection.execute(sa.text(f"DELETE FROM {_TABLE} WHERE {condition}"), owner)  # noqa: S608
    resolver = _Resolver(connection, action.workspace_id, "")
    payload = resolver.resolve_params(action.action_type, _read(action.payload), "payload.")
    statement = "UPDATE stellary_pilotage_actions SET resolved_payload = :payload WHERE workspace_id = :workspace_id AND number = :action_number"
    connection.execute(sa.text(statement), {**owner, "payload": _write(payload)})
    _insert(connection, {**owner, "part": "action"}, resolver)


def _insert(connection: sa.Connection, owner: Mapping[str, object], resolver: _Resolver) -> None:
    names = ("automation_id", "action_number")
    for kind, id, is_alternative, problem in resolver.found.values():
        row = {
            **dict.fromkeys(names),
            **owner,
            "id": secrets.token_hex(12),
            "kind": kind,
            "item_id": "" if problem else id,
            "name": problem,
            "is_alternative": is_alternative,
            "missing": problem is not None,
        }
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text(f"INSERT INTO {_TABLE} ({columns}) VALUES ({values})"), row)  # noqa: S608
    if resolver.found:
        statement = sa.text("UPDATE stellary_workspaces SET has_listeners = true WHERE id = :workspace_id")
        connection.execute(statement, {"workspace_id": owner["workspace_id"]})


def _read(text: str | None) -> dict[str, Any]:
    """Return a stored object; an empty one for anything else."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def downgrade() -> None:
    connection = op.get_bind()
    # An earlier version resolves one name, in the scope of the card.
    for rows in read_in_batches("stellary_automations", ["action_params"], "action_params LIKE '%olumn\":[%'"):
        for row in rows:
            params = _read(row.action_params)
            for name in ("targetColumn", "column"):
                if isinstance(params.get(name), list) and re.fullmatch("[0-9a-f]{24}", str(params[name][0])):
                    query = sa.text("SELECT name FROM stellary_columns WHERE id = :id")
                    params[name] = connection.execute(query, {"id": params[name][0]}).scalar() or params[name][0]
            statement = sa.text("UPDATE stellary_automations SET action_params = :params WHERE id = :id")
            connection.execute(statement, {"params": _write(params), "id": row.id})
    op.drop_table(_TABLE)
    op.drop_column("stellary_pilotage_actions", "resolved_payload")
