"""The record of a change is visible to the callers who may read the item, in the feed and in the stream of a workspace."""

from collections.abc import Mapping
from typing import Final, get_args

import orjson
import pytest
from sqlalchemy import bindparam, insert, select

from stellary.contract.activities import EntityKind
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import ROW_BY_OPERATION
from tests.support.core_parts import READ_POLICIES
from tests.support.each_case import for_each
from tests.support.tables import activities, workspaces

READERS: Final[Mapping[EntityKind, str]] = {
    "card": "cards.list",
    "comment": "comments.list",
    "attachment": "attachments.list",
    "relation": "relations.list",
    "time_entry": "time_entries.list",
    "member": "projects.list_members",
    "project": "projects.list",
    "scope": "scopes.list",
    "column": "columns.list",
    "label": "labels.list",
    "custom_field": "custom_fields.list",
    "automation": "automations.list",
    "document": "documents.list",
    "document_comment": "document_comments.list",
    "mission": "pilotage.list_missions",
    "priority": "pilotage.list_priorities",
    "todo": "pilotage.list_todos",
    "decision": "pilotage.list_decisions",
    "doc": "pilotage.list_docs",
    "action": "pilotage.list_actions",
    "workspace": "workspaces.get",
    "workspace_member": "workspaces.list_members",
    "invitation": "invitations.list",
    "webhook": "webhooks.list",
    "agent": "agents.list",
    "agent_token": "agents.list_tokens",
    "agent_mission": "agent_missions.list",
    "proposal": "proposals.list",
    "organization": "organizations.get",
    "organization_member": "organizations.list_members",
}
"""The endpoint that reads each kind of item."""

CARDS = {"card", "comment", "attachment", "relation"}
FEED = ROW_BY_OPERATION["workspaces.activity"]
_WORKSPACE = select(workspaces.c.id).where(workspaces.c.slug == bindparam("_slug"))


def test_each_kind_has_the_policy_of_the_endpoint_that_reads_it():
    policies = {kind: ROW_BY_OPERATION[operation] for kind, operation in READERS.items()}
    assert {kind: (policy.role, policy.token) for kind, policy in READ_POLICIES.items()} == {
        kind: (row.role, row.pat) for kind, row in policies.items()
    }


@pytest.mark.slow("makes each kind of record")
@for_each("persona", ["WM", "PM", "WA", "OA", "OO", "PV", "PO", "PATno", "PATfull"])
def test_feed_contains_the_records_of_readable_items(permission_world: PermissionWorld, persona: str):
    with permission_world.sandbox.discard_changes():
        record_every_kind(permission_world)
        params = make_path_params(permission_world, FEED, persona)
        query = "limit=500&type=project_created"
        response = send(permission_world, FEED, persona, params, query=query)
        entities = {activity["entity"] for activity in orjson.loads(response.body)}
        assert entities == find_readable_kinds(permission_world, persona) - CARDS


def record_every_kind(permission_world: PermissionWorld) -> None:
    """Insert an activity about each kind of item; their type is the same, so that it selects them."""
    connection = permission_world.sandbox.connection
    workspace_id = connection.execute(_WORKSPACE, {"_slug": permission_world.here["wsSlug"]}).scalar_one()
    for number, kind in enumerate(get_args(EntityKind)):
        values = {
            "id": f"{number:024x}",
            "workspace_id": workspace_id,
            "actor_id": permission_world.people["OO"].id,
            "type": "project_created",
            "entity": kind,
            "meta": {},
            "created_at": permission_world.core.env.clock(),
        }
        connection.execute(insert(activities), values)


def find_readable_kinds(permission_world: PermissionWorld, persona: str) -> set[str]:
    """Return the kinds whose items a caller may read now, with the token of the feed."""
    kinds = set()
    for kind, operation in READERS.items():
        row = ROW_BY_OPERATION[operation]
        params = make_path_params(permission_world, row, persona)
        bearer = permission_world.bearer(persona, FEED)
        path = "/".join(params[part[1:]] if part.startswith(":") else part for part in row.path.split("/"))
        if permission_world.world.call(bearer, "GET", path).status == 200:
            kinds.add(kind)
    return kinds
