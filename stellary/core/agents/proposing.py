"""Proposing: what an agent wants to change is tried, undone, and written down for somebody to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import orjson
from sqlalchemy import bindparam, func, insert, select

from stellary.contract.errors import Conflict
from stellary.contract.proposals import Proposal
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Request, dump, load
from stellary.core.agents.rules import proposals as rules
from stellary.core.agents.tables import proposals
from stellary.core.kernel import actions
from stellary.core.kernel.actions import AnyAction
from stellary.core.kernel.unit import AgentLimits, UnitOfWork, find_service
from stellary.core.ports.blobs import StoredFile

PENDING_MAX = 500
_INSERT = insert(proposals)
_COUNT = select(func.count()).where(
    proposals.c.agent_id == bindparam("_agent_id"), proposals.c.status == "pending"
)

_NAMED = select(proposals.c.blob_key).where(
    proposals.c.blob_key.in_(bindparam("_keys", expanding=True)), proposals.c.status == "pending"
)
_WAITING = select(proposals.c.call).where(proposals.c.blob_key.is_not(None), proposals.c.status == "pending")


class _Undone(Exception):
    """Ends a rehearsal: nothing of it is kept."""


@contextmanager
def rehearsal(uow: UnitOfWork) -> Iterator[dict[str, str]]:
    """A part of the unit that is undone; what it has looked at is told. Whatever is wrong with it is raised."""
    seen: dict[str, str] = {}
    with watching(uow, seen):
        try:
            with uow.attempt():
                yield seen
                raise _Undone
        except _Undone:
            pass


@contextmanager
def watching(uow: UnitOfWork, seen: dict[str, str]) -> Iterator[None]:
    """A part of the unit whose looks are noted."""
    uow.dependencies = seen
    try:
        yield
    finally:
        uow.dependencies = None


def of_call(
    uow: UnitOfWork,
    limits: AgentLimits,
    endpoint: AnyEndpoint,
    ref: Ref,
    said: Request | StoredFile,
    do: Callable[[], Any],
) -> Proposal:
    """Propose what a call of the API would do.

    Args:
        uow: The unit, in which the agent acts.
        limits: Of the agent.
        endpoint, ref: What it has called.
        said: The request, or the file that it has brought.
        do: Does it.

    Raises:
        ApiError: It could not be done.
        Conflict: Too much waits already.
    """
    with rehearsal(uow) as seen:
        do()
    file = said if isinstance(said, StoredFile) else None
    body = {"file": file.name, "size": file.size} if file else orjson.loads(dump(said))
    call = {
        "ref": attrs.asdict(ref),
        "body": None if file else body,
        "file": file and attrs.asdict(file),
    }
    params = {"path": ref.path() + endpoint.path.removeprefix(type(ref).template), "body": body}
    return _propose(
        uow,
        limits,
        action=endpoint.operation,
        params=params,
        call=call,
        blob_key=file and file.key,
        summary=rules.told(endpoint.summary, body),
        seen=seen,
    )


def of_action(
    uow: UnitOfWork,
    limits: AgentLimits,
    ref: WorkspaceRef,
    action: AnyAction,
    params: Mapping[str, Any],
    call_id: str | None = None,
) -> Proposal:
    """Propose what an action would do.

    Raises:
        ApiError: It could not be done.
        Conflict: Too much waits already.
    """
    with rehearsal(uow) as seen:
        actions.run(uow, ref, action.name, params)
    return _propose(
        uow,
        limits,
        action=action.name,
        params=dict(params),
        call_id=call_id,
        summary=rules.told(action.summary, params),
        seen=seen,
    )


def _propose(uow: UnitOfWork, limits: AgentLimits, **found: Any) -> Proposal:
    if uow.connection.execute(_COUNT, {"_agent_id": limits.agent_id}).scalar_one() >= PENDING_MAX:
        raise Conflict(f"{PENDING_MAX} proposals of the agent wait already", code="too_many_proposals")
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
    uow.connection.execute(_INSERT, {**row, **hidden, **found})
    told = {name: found[name] for name in ("action", "params", "summary")}
    return Proposal(**row, **told)


def named_blobs(uow: UnitOfWork, keys: list[str]) -> set[str]:
    """Those of the keys under which a file lies that was brought along by what waits to be decided."""
    return set(uow.connection.execute(_NAMED, {"_keys": keys}).scalars())


def all_files(uow: UnitOfWork) -> dict[str, tuple[int, str]]:
    """The size and the SHA-256 of each such file, by its key: of the whole database."""
    found = [call["file"] for call in uow.connection.execute(_WAITING).scalars()]
    return {file["key"]: (file["size"], file["sha256"]) for file in found}


def perform(uow: UnitOfWork, ref: WorkspaceRef, row: Any) -> Any:
    """Do what was proposed, on behalf of whoever acts in the unit, and return the answer of the service.

    Raises:
        ApiError: Whatever the service raises.
    """
    if row.call is None:
        return actions.run(uow, ref, row.action, row.params)
    service = find_service(uow, row.action)
    endpoint, call = service.endpoint, row.call
    named = endpoint.ref(**call["ref"])
    if call["file"] is not None:
        return service.function(uow, named, StoredFile(**call["file"]))
    said = () if call["body"] is None else (load(endpoint.request_class, call["body"]),)
    return service.function(uow, named, *said)
