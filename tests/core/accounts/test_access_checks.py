"""Access checks take one statement, regardless of which row on the way is missing."""

import attrs
import pytest

from stellary.contract import ENDPOINTS
from stellary.contract.errors import NotFound
from stellary.contract.refs import WorkspaceRef
from tests.support.core_parts import ACCESS_BY_REF
from tests.support.each_case import for_each
from tests.support.world import World

UNKNOWN = "f" * 24
REFS = {
    endpoint.ref: endpoint.policy
    for endpoint in ENDPOINTS
    if issubclass(endpoint.ref, WorkspaceRef) and endpoint.ref is not WorkspaceRef
}
MISSING = {
    "AgentMissionRef": "Mission",
    "AgentRef": "Agent",
    "AgentTokenRef": "Agent",
    "ActiveDocRef": "Document",
    "CardLabelRef": "Card",
    "ChecklistItemRef": "Card",
    "CustomFieldRef": "Custom field",
    "DeliveryRef": "Webhook",
    "DocumentCommentRef": "Document",
    "DocumentRef": "Document",
    "DocumentVersionRef": "Document",
    "DraftRef": "Project draft",
    "FlatCardRef": "Card",
    "ImportRef": "Import",
    "InvitationRef": "Invitation",
    "LabelRef": "Label",
    "MissionRef": "Mission",
    "PilotagePriorityRef": "Priority",
    "ProposalRef": "Proposal",
    "ProposedActionRef": "Action",
    "RelationRef": "Relation",
    "SavedFilterRef": "Saved filter",
    "ScopeRef": "Scope",
    "TodoRef": "Todo",
    "TrashedItemRef": "Trashed item",
    "WebhookRef": "Webhook",
    "WorkspaceMemberRef": "Member",
    "TemplateRef": "Template",
}
"""The kind of resource that is missing first; for the other refs, it is the project."""


def test_check_of_an_unknown_row_takes_one_statement(world: World, statements):
    owner = world.person("ann")
    home = world.workspace(owner).ref

    @for_each("ref_type", REFS)
    def check(ref_type):
        keys = {
            field.name: UNKNOWN
            for field in attrs.fields(ref_type)
            if field.name not in ("org_slug", "ws_slug", "project_id") or field.default is attrs.NOTHING
        }
        ref = ref_type(**{**keys, "org_slug": home.org_slug, "ws_slug": home.ws_slug})
        with (
            world.core.view(owner.actor) as uow,
            uow.checking(REFS[ref_type]),
            statements() as sent_statements,
        ):
            with pytest.raises(NotFound) as refused:
                ACCESS_BY_REF[ref_type](uow, ref)
            uow.mark_authorized()
        assert refused.value.message == f"{MISSING.get(ref_type.__name__, 'Project')} not found"
        assert len(sent_statements) == 1

    check()


def test_project_in_the_path_is_checked_before_details_of_the_card(world: World):
    owner = world.person("ann")
    workspace = world.workspace(owner)
    project, other_project = world.project(owner, workspace, "one"), world.project(owner, workspace, "two")
    card = world.card(owner, project)
    paths = [f"{path}/cards/{card['id']}/labels/{UNKNOWN}" for path in (project.path, other_project.path)]
    messages = [world.call(owner, "POST", path).body for path in paths]
    assert [b"Label not found" in messages[0], b"Card not found" in messages[1]] == [True, True]
