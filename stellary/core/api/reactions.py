"""The table of reactions: the functions that each event calls before the commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from stellary.core.accounts import leaving
from stellary.core.agents import delegation
from stellary.core.agents import on_member_removed as agents_on_member_removed
from stellary.core.agents import on_restored as agents_on_restored
from stellary.core.automations import acting
from stellary.core.automations import on_items_changed as rules_on_items_changed
from stellary.core.automations import on_member_removed as automations_on_member_removed
from stellary.core.board import on_member_removed
from stellary.core.kernel import signals
from stellary.core.kernel.events import (
    AccountTakenOver,
    ActivitiesRecorded,
    AddressReleased,
    AdminRightsLost,
    AttachmentAdded,
    AttachmentRemoved,
    BaseEvent,
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDeleted,
    CardDue,
    CardMoved,
    CardReturned,
    CardsImported,
    CardUnassigned,
    CardUpdated,
    ChangesRequested,
    ChecklistCompleted,
    CommentCreated,
    CommentDeleted,
    CommentUpdated,
    ContentRestored,
    DocumentApproved,
    DocumentCommentCreated,
    DocumentCommentDeleted,
    DocumentCommentUpdated,
    DocumentCreated,
    DocumentDeleted,
    DocumentRevised,
    DocumentSubmitted,
    DocumentUpdated,
    DocumentWritten,
    ItemChanged,
    ItemPurged,
    ItemRestored,
    MemberDeactivated,
    NoticeGiven,
    OrganizationItemChanged,
    PilotageChanged,
    ProjectCreated,
    ProjectImported,
    ProjectMemberAdded,
    ProjectMemberLeft,
    ProjectMemberRemoved,
    ProjectUpdated,
    RelationAdded,
    RelationRemoved,
    TokensRevoked,
    TriggerFired,
    WorkspaceLeft,
    WorkspacesRestored,
)
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.notifications import activity, erasure, organization_activity, revisions
from stellary.core.pilotage import proposed_actions
from stellary.core.search import index
from stellary.core.trash import trash
from stellary.core.webhooks import on_member_removed as webhooks_on_member_removed
from stellary.core.webhooks import outbox, queue

Reaction = Callable[[UnitOfWork, Sequence[Any]], None]
"""A function that is called with the unit and all new events of its types, in order, so that it can process them in bulk."""


def end_streams(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Make open streams check the access of their readers again.

    Args:
        events: The users who have left a workspace or lost admin rights; any one of them is enough.
    """
    uow.send_on_commit(signals.ACCESS)


REACTIONS: Mapping[type[BaseEvent], tuple[Reaction, ...]] = {
    CardCreated: (activity.record, index.update_index, acting.react, delegation.start_missions),
    CardUpdated: (activity.record, index.update_index, acting.react),
    CardMoved: (activity.record, acting.react),
    CardReturned: (activity.record,),
    CardArchived: (activity.record,),
    CardAssigned: (activity.record, acting.react, delegation.start_missions),
    CardUnassigned: (activity.record,),
    CardDeleted: (activity.record, rules_on_items_changed.mark_references),
    CommentCreated: (activity.record, index.update_index, delegation.start_missions),
    CommentUpdated: (activity.record, index.update_index),
    CommentDeleted: (activity.record, index.update_index),
    NoticeGiven: (activity.record,),
    AttachmentAdded: (activity.record,),
    AttachmentRemoved: (activity.record,),
    RelationAdded: (activity.record,),
    RelationRemoved: (activity.record,),
    ProjectCreated: (activity.record, index.update_index),
    ProjectUpdated: (activity.record, index.update_index),
    ItemChanged: (
        activity.record,
        rules_on_items_changed.mark_references,
        rules_on_items_changed.follow_options,
    ),
    ItemPurged: (activity.record,),
    OrganizationItemChanged: (organization_activity.record,),
    WorkspacesRestored: (queue.resume_restored,),
    ProjectImported: (activity.record, index.update_index),
    CardsImported: (index.update_index,),
    DocumentWritten: (index.update_index,),
    ProjectMemberAdded: (activity.record,),
    ProjectMemberRemoved: (activity.record,),
    ProjectMemberLeft: (activity.record,),
    DocumentCreated: (activity.record,),
    DocumentUpdated: (activity.record,),
    DocumentRevised: (revisions.merge_revisions,),
    DocumentCommentCreated: (activity.record, index.update_index),
    DocumentCommentUpdated: (activity.record, index.update_index),
    DocumentCommentDeleted: (activity.record, index.update_index),
    DocumentDeleted: (activity.record, rules_on_items_changed.mark_references),
    DocumentSubmitted: (activity.record,),
    DocumentApproved: (activity.record,),
    ChangesRequested: (activity.record,),
    # The rows of the entry last: the others look them up.
    ItemRestored: (
        activity.record,
        index.update_index,
        agents_on_restored.cancel_missions,
        rules_on_items_changed.mark_references,
        trash.forget_rows,
    ),
    ContentRestored: (activity.record, rules_on_items_changed.mark_references),
    ActivitiesRecorded: (outbox.write_messages,),
    ChecklistCompleted: (acting.react,),
    CardDue: (acting.react,),
    TriggerFired: (acting.react,),
    PilotageChanged: (activity.record, rules_on_items_changed.mark_references),
    # Proposed actions first: applying one locks it before the cards.
    WorkspaceLeft: (
        end_streams,
        proposed_actions.reopen_approved,
        on_member_removed.leave_boards,
        automations_on_member_removed.turn_off,
        rules_on_items_changed.mark_references,
        agents_on_member_removed.revoke_tokens,
        agents_on_member_removed.cancel_missions,
        webhooks_on_member_removed.transfer_webhooks,
        leaving.end_invitations,
        activity.delete_notifications,
    ),
    MemberDeactivated: (
        end_streams,
        proposed_actions.reopen_approved,
        automations_on_member_removed.turn_off,
        agents_on_member_removed.revoke_tokens,
        agents_on_member_removed.cancel_missions,
        webhooks_on_member_removed.transfer_webhooks,
        leaving.end_invitations,
    ),
    AddressReleased: (erasure.enqueue_erasures,),
    AccountTakenOver: (automations_on_member_removed.turn_off_all, webhooks_on_member_removed.disable),
    TokensRevoked: (agents_on_member_removed.revoke_all_tokens,),
    AdminRightsLost: (
        end_streams,
        agents_on_member_removed.revoke_tokens,
        webhooks_on_member_removed.transfer_webhooks,
        leaving.end_invitations,
    ),
}
"""The reactions to each type of event, in order; an event without one is listed with the reason."""


def settle(uow: UnitOfWork) -> None:
    """Call the host's handlers and then the reactions to the events of a unit, until there are no further events."""
    while uow.settled_count < len(uow.events):
        uow.call_handlers()
        wave = uow.events[uow.settled_count :]
        uow.settled_count += len(wave)
        # A change that a rule made on behalf of a user is recorded as the user's.
        for user_id, events in groupby(wave, _acting_user):
            with uow.caused_by(None, uow.actor if user_id is None else Actor(user_id)):
                _react(uow, events)


def _acting_user(event: BaseEvent) -> str | None:
    return None if event.cause is None else event.cause.user_id


def _react(uow: UnitOfWork, events: Iterable[BaseEvent]) -> None:
    due: dict[Reaction, list[BaseEvent]] = defaultdict(list)
    for event in events:
        for react in REACTIONS[type(event)]:
            due[react].append(event)
    for react, matching in due.items():
        react(uow, matching)
