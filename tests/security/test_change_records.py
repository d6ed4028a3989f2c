"""Each endpoint that writes records a change with its values, which streams and webhooks send, or is named with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from sqlalchemy import bindparam, func, select, update

from stellary.core.notifications.tables import activities
from stellary.core.webhooks.tables import deliveries, webhooks
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import PEOPLE, SERVED, Row

_ACCOUNT = "belongs to one person, and to no workspace"
_ORGANIZATION = "concerns an organization, whose changes are not recorded yet"
_WORKSPACE = "changes of workspaces and of their members are not recorded yet"
_ADMINS = "only admins may see it, and everyone reads activities"
_DRAFT = "a draft is its author's; the project that it becomes is recorded"
_PARTS = "a part of an import; the import is recorded once it is complete"
_DECISION = "decides on a mission or a proposal; the changes that follow are recorded as the agent's"
_AGENTS = "changes of agents are not recorded yet"
_PURGED = "the deletion was recorded, and nothing visible changes"

NOT_RECORDED: Final[Mapping[str, str]] = {
    "auth.register": _ACCOUNT,
    "auth.login": _ACCOUNT,
    "auth.update_me": _ACCOUNT,
    "auth.change_password": _ACCOUNT,
    "auth.forgot_password": _ACCOUNT,
    "auth.reset_password": _ACCOUNT,
    "auth.logout": _ACCOUNT,
    "auth.revoke_session": _ACCOUNT,
    "auth.delete_account": _ACCOUNT,
    "auth.change_email": _ACCOUNT,
    "auth.confirm_email": _ACCOUNT,
    "organizations.create": _ORGANIZATION,
    "organizations.update": _ORGANIZATION,
    "organizations.delete": _ORGANIZATION,
    "organizations.add_member": _ORGANIZATION,
    "organizations.update_member": _ORGANIZATION,
    "organizations.remove_member": _ORGANIZATION,
    "organizations.leave": _ORGANIZATION,
    "workspaces.create": _WORKSPACE,
    "workspaces.invite": _WORKSPACE,
    "workspaces.update_member": _WORKSPACE,
    "workspaces.update": _WORKSPACE,
    "workspaces.delete": _WORKSPACE,
    "workspaces.remove_member": _WORKSPACE,
    "invitations.accept": _WORKSPACE,
    "invitations.revoke": _WORKSPACE,
    "notifications.read_all": _ACCOUNT,
    "notifications.read": _ACCOUNT,
    "api_tokens.create": _ACCOUNT,
    "api_tokens.delete": _ACCOUNT,
    "agents.create": _AGENTS,
    "agents.update": _AGENTS,
    "agents.delete": _AGENTS,
    "agents.create_token": _ADMINS,
    "agents.revoke_token": _ADMINS,
    "agent_missions.create": _DECISION,
    "agent_missions.cancel": _DECISION,
    "agent_missions.reject_all": _DECISION,
    "proposals.reject": _DECISION,
    "project_drafts.create": _DRAFT,
    "project_drafts.refine": _DRAFT,
    "project_drafts.generate_roadmap": _DRAFT,
    "project_drafts.delete": _DRAFT,
    "webhooks.create": _ADMINS,
    "webhooks.update": _ADMINS,
    "webhooks.delete": _ADMINS,
    "webhooks.redeliver": _ADMINS,
    "trash.delete": _PURGED,
    "imports.create": _PARTS,
    "imports.add_part": _PARTS,
    "imports.delete": _PARTS,
}
"""Operations that write without a record, with the reason."""

_TEXT = "the text of comments must not remain after their deletion"
_FILE = "a file has no fields; its name is in the meta"
_LINK = "a relation has no fields; its cards and type are in the meta"
_MEMBER = "a membership has no fields; the member is in the meta"
_NAMES = "documents and pilotage record the names of changed fields only, for now"
_GONE = "the last state of the card is in the message"
_IMPORT = "one record stands for all contents of the project; the number of cards per column is in the meta"
_RESTORED = "the restored item is in the meta"

WITHOUT_VALUES: Final[Mapping[str, str]] = {
    "projects.import": _IMPORT,
    "projects.add_member": _MEMBER,
    "projects.remove_member": _MEMBER,
    "cards.delete": _GONE,
    "comments.create": _TEXT,
    "comments.delete": _TEXT,
    "comments.update": _TEXT,
    "attachments.upload": _FILE,
    "attachments.delete": _FILE,
    "pilotage.create_mission": _NAMES,
    "pilotage.update_mission": _NAMES,
    "pilotage.create_priority": _NAMES,
    "pilotage.create_todo": _NAMES,
    "pilotage.update_todo": _NAMES,
    "pilotage.create_decision": _NAMES,
    "pilotage.create_doc": _NAMES,
    "pilotage.propose_action": _NAMES,
    "pilotage.review_action": _NAMES,
    "pilotage.apply_action": _NAMES,
    "pilotage.delete_mission": _NAMES,
    "pilotage.update_priority": _NAMES,
    "pilotage.delete_priority": _NAMES,
    "pilotage.delete_todo": _NAMES,
    "pilotage.update_doc": _NAMES,
    "pilotage.delete_doc": _NAMES,
    "relations.create": _LINK,
    "relations.delete": _LINK,
    "documents.create": _NAMES,
    "documents.update": _NAMES,
    "documents.delete": _NAMES,
    "documents.submit_review": _NAMES,
    "documents.review": _NAMES,
    "project_drafts.execute": _IMPORT,
    "trash.restore": _RESTORED,
    "imports.complete": _IMPORT,
}
"""Operations whose record has no values, with the reason."""

WRITING = [row for row in SERVED if row.method != "GET"]
_SUBSCRIBE = update(webhooks).where(webhooks.c.id == bindparam("_id")).values(active=True, events=[])
_LAST = select(func.coalesce(func.max(activities.c.seq), 0))
_RECORDED = select(activities).where(activities.c.seq > bindparam("_last")).order_by(activities.c.seq)
_MESSAGES = select(deliveries.c.payload).where(deliveries.c.webhook_id == bindparam("_id"))


def find_caller(row: Row) -> str:
    """Return a person who may call an endpoint."""
    return next(persona for persona in reversed(PEOPLE) if row.cells[persona].startswith("2xx"))


@each_row(WRITING)
def test_each_write_is_recorded_with_its_values_and_sent(permission_world: PermissionWorld, row: Row):
    caller = find_caller(row)
    with permission_world.sandbox.discard_changes():
        connection = permission_world.sandbox.connection
        hook_id = permission_world.here["webhookId"]
        connection.execute(_SUBSCRIBE, {"_id": hook_id})
        sent_before = set(connection.execute(_MESSAGES, {"_id": hook_id}).scalars())
        last = connection.execute(_LAST).scalar_one()
        owner = None if row.cells[caller] == "2xx" else "own"
        response = send(permission_world, row, caller, make_path_params(permission_world, row, caller, owner))
        assert response.status < 300
        recorded = connection.execute(_RECORDED, {"_last": last}).fetchall()
        messages = set(connection.execute(_MESSAGES, {"_id": hook_id}).scalars()) - sent_before
    if row.operation in NOT_RECORDED:
        assert not recorded, "remove it from NOT_RECORDED"
        return
    assert recorded, "name it in NOT_RECORDED, or record it"
    sent_ids = {orjson.loads(payload)["data"]["id"] for payload in messages}
    assert {activity.id for activity in recorded} <= sent_ids
    has_values = any(activity.changes for activity in recorded)
    assert has_values != (row.operation in WITHOUT_VALUES), "WITHOUT_VALUES is out of date"
