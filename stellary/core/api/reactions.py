"""The table of reactions: the functions that each event calls before the commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from stellary.core.accounts import leaving
from stellary.core.accounts.project_sight import is_shared
from stellary.core.agents import delegation
from stellary.core.agents import reactions as agent_reactions
from stellary.core.automations import acting
from stellary.core.automations import reactions as rule_reactions
from stellary.core.board import on_member_removed, project_members
from stellary.core.kernel import events, signals
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.notifications import activity, erasure, purged_texts
from stellary.core.pilotage import proposed_actions
from stellary.core.search import index
from stellary.core.trash import trash
from stellary.core.webhooks import outbox, queue, webhooks
from stellary.core.wizard import execution

Reaction = Callable[[UnitOfWork, Sequence[Any]], None]
"""A function that is called with the unit and all new events of its types, in order, so that it can process them in bulk."""


def end_streams(uow: UnitOfWork, new_events: Sequence[events.BaseEvent]) -> None:
    """Make open streams check the access of their readers again.

    Args:
        new_events: The events after which people see less, or more; any one of them is enough.
    """
    uow.send_on_commit(signals.ACCESS)


def restart_streams(uow: UnitOfWork, changes: Sequence[events.ProjectEvent | events.ItemRestored]) -> None:
    """Make open streams compare what their readers see, if a project is concerned that not everyone sees.

    Args:
        changes: The changes after which people may see another set of projects.
    """
    for change in changes:
        changed = change.changed if isinstance(change, events.ProjectUpdated) else ()
        place = change.workspace_id, change.project_id
        if "visibility" in changed or not (change.project_id is None or is_shared(uow, *place)):
            uow.send_on_commit(signals.ACCESS)


_SIGHT = (restart_streams, on_member_removed.unassign_strangers)
"""The reactions to changes after which people may see another set of projects."""

_RIGHTS = (
    agent_reactions.revoke_tokens,
    agent_reactions.cancel_missions,
    webhooks.transfer_webhooks,
    leaving.end_invitations,
)
"""The reactions that end what a user has set up with rights in a workspace."""

REACTIONS: Mapping[type[events.BaseEvent], tuple[Reaction, ...]] = {
    events.CardCreated: (activity.record, index.update_index, acting.react, delegation.start_missions),
    events.CardUpdated: (activity.record, index.update_index, acting.react),
    events.CardMoved: (activity.record, acting.react),
    events.CardReturned: (activity.record,),
    events.CardTransferred: (
        activity.record,
        index.update_index,
        acting.react,
        agent_reactions.cancel_missions_outside,
        rule_reactions.mark_references,
    ),
    events.CardTransferredOut: (activity.record, rule_reactions.mark_references),
    events.CardArchived: (activity.record, acting.react),
    events.CardAssigned: (activity.record, acting.react, delegation.start_missions),
    events.CardUnassigned: (activity.record,),
    events.CardDeleted: (activity.record, rule_reactions.mark_references),
    events.CommentCreated: (
        activity.record,
        index.update_index,
        acting.react,
        delegation.start_missions,
    ),
    events.CommentUpdated: (activity.record, index.update_index),
    events.CommentDeleted: (activity.record, index.update_index, outbox.erase_comments),
    events.NoticeGiven: (activity.record,),
    events.ItemNoticeGiven: (activity.record,),
    events.AttachmentAdded: (activity.record,),
    events.AttachmentRemoved: (activity.record,),
    events.RelationAdded: (activity.record,),
    events.RelationRemoved: (activity.record,),
    events.ProjectCreated: (activity.record, index.update_index, restart_streams),
    events.ProjectUpdated: (
        activity.record,
        index.update_index,
        execution.follow_visibility,
        *_SIGHT,
    ),
    events.ItemChanged: (
        activity.record,
        rule_reactions.mark_references,
        rule_reactions.follow_options,
    ),
    events.ItemPurged: (activity.record,),
    events.OrganizationItemChanged: (activity.record_organization,),
    events.WorkspacesRestored: (queue.resume_restored,),
    events.ProjectImported: (activity.record, index.update_index, *_SIGHT),
    events.CardsImported: (index.update_index,),
    events.DocumentWritten: (index.update_index,),
    events.ProjectMemberAdded: (activity.record, *_SIGHT),
    events.ProjectMemberRemoved: (activity.record, *_SIGHT),
    events.ProjectMemberLeft: (activity.record,),
    events.DocumentCreated: (activity.record,),
    events.DocumentUpdated: (activity.record,),
    events.DocumentRevised: (activity.merge_revisions,),
    events.DocumentTransferred: (activity.record, rule_reactions.mark_references),
    events.DocumentTransferredOut: (
        activity.record,
        purged_texts.follow_documents,
        index.update_index,
        rule_reactions.mark_references,
    ),
    events.DocumentCommentCreated: (activity.record, index.update_index),
    events.DocumentCommentUpdated: (activity.record, index.update_index),
    events.DocumentCommentDeleted: (activity.record, index.update_index, outbox.erase_comments),
    events.DocumentDeleted: (activity.record, rule_reactions.mark_references),
    events.DocumentSubmitted: (activity.record,),
    events.DocumentApproved: (activity.record,),
    events.ChangesRequested: (activity.record,),
    # The rows of the entry last: the others look them up.
    events.ItemRestored: (
        activity.record,
        index.update_index,
        agent_reactions.cancel_restored_missions,
        *_SIGHT,
        rule_reactions.mark_references,
        trash.forget_rows,
    ),
    events.ContentRestored: (activity.record, rule_reactions.mark_references),
    events.ActivitiesRecorded: (outbox.write_messages,),
    events.ChecklistCompleted: (acting.react,),
    events.CardDue: (acting.react,),
    events.TriggerFired: (acting.react,),
    events.PilotageChanged: (activity.record, rule_reactions.mark_references),
    # Proposed actions first: applying one locks it before the cards.
    events.WorkspaceLeft: (
        end_streams,
        proposed_actions.reopen_approved,
        on_member_removed.leave_boards,
        rule_reactions.turn_off,
        rule_reactions.mark_references,
        *_RIGHTS,
        activity.delete_notifications,
    ),
    events.MemberDeactivated: (
        end_streams,
        proposed_actions.reopen_approved,
        rule_reactions.turn_off,
        *_RIGHTS,
    ),
    events.AddressReleased: (erasure.enqueue_erasures,),
    events.AccountTakenOver: (rule_reactions.turn_off, webhooks.disable),
    events.TokensRevoked: (agent_reactions.revoke_all_tokens,),
    events.AdminRightsLost: (
        end_streams,
        on_member_removed.unassign_strangers,
        *(react for react in _RIGHTS if react is not agent_reactions.cancel_missions),
    ),
    events.BecameGuest: (
        end_streams,
        proposed_actions.reopen_approved,
        on_member_removed.unassign_strangers,
        *_RIGHTS,
    ),
    events.InvitationAccepted: (project_members.add_invited,),
}
"""The reactions to each type of event, in order; an event without one is listed with the reason."""


def settle(uow: UnitOfWork) -> None:
    """Call the host's handlers and then the reactions to the events of a unit, until there are no further events."""
    while uow.settled_count < len(uow.events):
        uow.call_handlers()
        wave = uow.events[uow.settled_count :]
        uow.settled_count += len(wave)
        # A change that a rule made on behalf of a user is recorded as the user's.
        for user_id, events_of_user in groupby(wave, _acting_user):
            with uow.caused_by(None, uow.actor if user_id is None else Actor(user_id)):
                _react(uow, events_of_user)


def _acting_user(event: events.BaseEvent) -> str | None:
    return None if event.cause is None else event.cause.user_id


def _react(uow: UnitOfWork, wave: Iterable[events.BaseEvent]) -> None:
    due: dict[Reaction, list[events.BaseEvent]] = defaultdict(list)
    for event in wave:
        for react in REACTIONS[type(event)]:
            due[react].append(event)
    for react, matching in due.items():
        react(uow, matching)
