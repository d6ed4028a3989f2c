"""Creation of proposals: an agent's change is rehearsed, rolled back, and stored for a person to decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import orjson
from sqlalchemy import func, insert, select

from stellary.contract.errors import Conflict
from stellary.contract.limits import ID_PATTERN
from stellary.contract.naming import camel
from stellary.contract.proposals import Proposal
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Request, dump, load
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import list_assignable_agents
from stellary.core.agents.row_types import ProposalRow
from stellary.core.agents.rules import proposals as rules
from stellary.core.agents.tables import proposals
from stellary.core.board.changes.settled_answers import as_json
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel import actions
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.events import BaseEvent
from stellary.core.kernel.item_changes import emit_change
from stellary.core.kernel.unit import AgentLimits, UnitOfWork, find_service
from stellary.core.knowledge.resolve_names import find_items
from stellary.core.notifications.sentences import describe_changes
from stellary.core.ports.blobs import StoredFile

PENDING_MAX = 500
_NAMED_MAX = 100
_ID = re.compile(rf"\b{ID_PATTERN}\b")
_INSERT = insert(proposals)
_COUNT = select(func.count()).where(is_given(proposals.c.agent_id), proposals.c.status == "pending")

_PENDING_KEYS = select(proposals.c.blob_key).where(
    is_among(proposals.c.blob_key, "keys"), proposals.c.status == "pending"
)
_PENDING_FILES = select(proposals.c.call).where(
    proposals.c.blob_key.is_not(None), proposals.c.status == "pending"
)


ProjectSet = Mapping[str, bool] | None
"""The projects of items, as keys; None if there is an item whose project does not exist here."""


class _Rollback(Exception):
    """An exception that ends a rehearsal, so that it is rolled back."""


@contextmanager
def rehearse(uow: UnitOfWork) -> Iterator[dict[str, str]]:
    """Run a block that is rolled back, and yield the versions of the items that it reads. Errors are raised."""
    seen: dict[str, str] = {}
    with record_versions(uow, seen):
        try:
            with uow.attempt():
                yield seen
                raise _Rollback
        except _Rollback:
            pass


@contextmanager
def record_versions(uow: UnitOfWork, seen: dict[str, str]) -> Iterator[None]:
    """Record the versions of the items that a block reads. A block within it records them in both.

    Args:
        seen: Receives the versions by kind and id of the item, as ``card 5f2a…``.
    """
    outer, uow.dependencies = uow.dependencies, seen
    try:
        yield
    finally:
        if outer is not None:
            outer |= seen
        uow.dependencies = outer


def propose_call(
    uow: UnitOfWork,
    limits: AgentLimits,
    endpoint: AnyEndpoint,
    ref: Ref,
    request: Request | StoredFile,
    do: Callable[[], object],
) -> Proposal:
    """Create a proposal of an API call.

    Args:
        uow: The unit of work, in which the agent acts.
        limits: The agent's limits.
        endpoint: The endpoint that the agent has called.
        ref: The ref of the path.
        request: The request, or the file that was uploaded.
        do: Makes the call.

    Returns:
        The pending proposal.

    Raises:
        ApiError: The call is not possible.
        Conflict: The agent has too many pending proposals.
    """
    with rehearse(uow) as seen:
        result, changes = _list_changes(uow, do)
    file = request if isinstance(request, StoredFile) else None
    body = {"file": file.name, "size": file.size} if file else orjson.loads(dump(request))
    call = {"ref": attrs.asdict(ref), "body": None if file else body, "file": file and attrs.asdict(file)}
    params = {"path": ref.path() + endpoint.path.removeprefix(type(ref).template), "body": body}
    values = [attrs.asdict(ref), body, changes, as_json(result), seen]
    names, project_ids = load_named(uow, limits, values, changes)
    path_params = {camel(field): id for field, id in attrs.asdict(ref).items() if id in names}
    return _propose(
        uow,
        limits,
        action=endpoint.operation,
        params=params,
        call=call,
        blob_key=file and file.key,
        summary=_summarize(changes, endpoint.summary, {**path_params, **body}, names),
        named_projects=project_ids,
        seen=seen,
    )


def propose_action(
    uow: UnitOfWork,
    limits: AgentLimits,
    ref: WorkspaceRef,
    action: AnyAction,
    params: Mapping[str, object],
    call_id: str | None = None,
) -> tuple[Proposal, ProjectSet]:
    """Create a proposal of an action.

    Args:
        uow: The unit of work, in which the agent acts.
        limits: The agent's limits.
        ref: The workspace.
        action: The action.
        params: Its parameters.
        call_id: The call of a mission's turn that the proposal represents.

    Returns:
        The pending proposal, and the projects that it names.

    Raises:
        ApiError: The action is not possible.
        Conflict: The agent has too many pending proposals.
    """
    with rehearse(uow) as seen:
        result, changes = _list_changes(uow, lambda: actions.run(uow, ref, action.name, params))
    params = rules.put_ids(params, seen)
    names, project_ids = load_named(uow, limits, [params, changes, as_json(result), seen], changes)
    proposal = _propose(
        uow,
        limits,
        action=action.name,
        params=params,
        call_id=call_id,
        summary=_summarize(changes, action.summary, params, names),
        named_projects=project_ids,
        seen=seen,
    )
    return proposal, project_ids


def run_action(
    uow: UnitOfWork, limits: AgentLimits, ref: WorkspaceRef, action: AnyAction, params: Mapping[str, object]
) -> tuple[object, str, ProjectSet]:
    """Run an action, and return its result, what it has changed, in words, and the projects that it has read or changed.

    Args:
        uow: The unit of work, in which the agent acts.
        limits: The agent's limits.
        ref: The workspace.
        action: The action.
        params: Its parameters.

    Raises:
        ApiError: The action is not possible.
    """
    result, changes = _list_changes(uow, lambda: actions.run(uow, ref, action.name, params))
    # As JSON, since lists of cards have no other text; the agent gets no more of it either.
    values = [params, changes, as_json(result), uow.dependencies]
    names, project_ids = load_named(uow, limits, values, changes)
    summary = "" if action.kind == "read" else _summarize(changes, action.summary, params, names)
    return result, summary, project_ids


def _list_changes(uow: UnitOfWork, do: Callable[[], object]) -> tuple[object, list[BaseEvent]]:
    """Make a call, and return its result, and its events without those of rules that react to it."""
    count = len(uow.events)
    result = do()
    events = [event for event in uow.events[count:] if event.cause is None or not event.cause.depth]
    return result, events


def _summarize(
    changes: Sequence[BaseEvent], summary: str, params: Mapping[str, object], names: Mapping[str, str]
) -> str:
    """Return a proposal in words: from the record of its changes, or from its parameters if they are not about cards."""
    sentences = describe_changes(changes, names)
    return (
        rules.summarize(summary, params, names)
        if sentences is None
        else rules.ellipsize(sentences, rules.SUMMARY_MAX)
    )


def find_ids(values: object) -> list[str]:
    """Return the ids that values contain, each once."""
    return list(dict.fromkeys(_ID.findall(str(values))))


def load_named(
    uow: UnitOfWork,
    limits: AgentLimits,
    values: Sequence[object],
    changes: Sequence[BaseEvent] = (),
) -> tuple[Mapping[str, str], ProjectSet]:
    """Return the names of items and people that values refer to, by id, and the projects of the items.

    Args:
        limits: The limits of the agent, with the workspace.
        values: The parameters, the changes and the result of a call, or texts.
        changes: The changes, whose projects count even if they no longer exist.
    """
    ids = find_ids(values)
    members = people.queue_members(uow, limits.workspace_id, ids[:_NAMED_MAX])()
    only = limits.project_ids
    by_id = {
        id: item
        for id, item in find_items(uow, limits.workspace_id, ids).items()
        # A text may contain the id of an item in a project that the agent does not work in.
        if only is None or item[1] is None or item[1] in only
    }
    names = dict(list_assignable_agents(uow, limits.workspace_id))
    names |= {id: person.name for id, person in members.items()}
    names |= {id: name for id, (name, _) in by_id.items()}
    project_ids = {project_id: True for _, project_id in by_id.values() if project_id is not None}
    changed = {getattr(event, "project_id", None) for event in changes} - {None}
    return names, project_ids if project_ids.keys() >= changed else None


def _propose(uow: UnitOfWork, limits: AgentLimits, **fields: Any) -> Proposal:
    if uow.connection.execute(_COUNT, {"_agent_id": limits.agent_id}).scalar_one() >= PENDING_MAX:
        raise Conflict(
            f"{PENDING_MAX} proposals of the agent already wait for a decision", code="too_many_proposals"
        )
    row: dict[str, Any] = {
        "id": uow.new_id(),
        "workspace_id": limits.workspace_id,
        "agent_id": limits.agent_id,
        "mission_id": limits.mission_id,
        "status": "pending",
        "reason": None,
        "decided_by_id": None,
        "decided_at": None,
        "result": None,
        "created_at": uow.now,
    }
    hidden = {"call_id": None, "call": None, "blob_key": None}
    uow.connection.execute(_INSERT, {**row, **hidden, **fields})
    shown_fields = {name: fields[name] for name in ("action", "params", "summary")}
    proposal = Proposal(**row, **shown_fields)
    emit_change(uow, limits.workspace_id, None, proposal)
    return proposal


def find_pending_blobs(uow: UnitOfWork, keys: list[str]) -> set[str]:
    """Return the blob keys among ``keys`` that belong to files of pending proposals.

    Args:
        keys: The keys of blobs.
    """
    return set(uow.connection.execute(_PENDING_KEYS, {"_keys": keys}).scalars())


def find_all_files(uow: UnitOfWork) -> dict[str, tuple[int, str]]:
    """Return the size and SHA-256 of each file of a pending proposal, by blob key, for the whole database."""
    files = [call["file"] for call in uow.connection.execute(_PENDING_FILES).scalars()]
    return {file["key"]: (file["size"], file["sha256"]) for file in files}


def perform(uow: UnitOfWork, ref: WorkspaceRef, row: ProposalRow) -> object:
    """Execute a proposal with the rights of the unit's actor, and return the result of the service.

    Args:
        ref: The workspace.
        row: The proposal's row.

    Raises:
        ApiError: The service raised it.
    """
    if row.call is None:
        return actions.run(uow, ref, row.action, row.params)
    service = find_service(uow, row.action)
    endpoint, call = service.endpoint, row.call
    call_ref = endpoint.ref(**call["ref"])
    if call["file"] is not None:
        return service.function(uow, call_ref, StoredFile(**call["file"]))
    arguments = () if call["body"] is None else (load(endpoint.request_class, call["body"]),)
    return service.function(uow, call_ref, *arguments)
