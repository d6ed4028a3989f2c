"""References in the bodies of card requests: people, labels and custom fields, which must exist."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Select, select

from stellary.contract.cards import CreateCard, UpdateCard
from stellary.contract.custom_fields import CustomField
from stellary.contract.fields import convert
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import find_assignable_agents
from stellary.core.board.rows.field_rows import queue_fields
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, labels, projects
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import queue_statement
from stellary.core.kernel.unit import UnitOfWork

# The lock keeps a label from being deleted while it is added to a card.
_LABELS: Select[Any] = (
    select(labels.c.id, labels.c.name)
    .where(is_given(labels.c.project_id), is_among(labels.c.id))
    .order_by(labels.c.id)
    .with_for_update(read=True, key_share=True)
)
_COLUMNS = select(columns.c.id).where(is_given(columns.c.project_id))

# The lock keeps the card from being deleted before the reference to it is written.
_CARD: Select[Any] = (
    select(cards.c.id, cards.c.project_id)
    .join_from(cards, projects)
    .where(is_given(projects.c.workspace_id), is_given(cards.c.id, "card_id"))
    .with_for_update(read=True, key_share=True, of=cards)
)


def find_project_of_card(uow: UnitOfWork, workspace_id: str, card_id: str) -> str | None:
    """Return the id of a card's project; None if the workspace has no such card.

    Args:
        workspace_id: The workspace.
        card_id: The card.
    """
    parameters = {"_workspace_id": workspace_id, "_card_id": card_id}
    row = uow.connection.execute(_CARD, parameters).first()
    return None if row is None else row.project_id


def check_references(
    uow: UnitOfWork,
    workspace_id: str,
    project_id: str,
    requests: Sequence[tuple[str, CreateCard | UpdateCard]],
) -> dict[str, CustomField]:
    """Check the references of requests in a fixed number of statements.

    Args:
        workspace_id: The workspace to which assignees must have access, or whose agents they are.
        project_id: The project that labels must belong to.
        requests: The requests, each with its path in a larger one, such as ``cards[3].`` or an empty string.

    Returns:
        The custom fields that the requests name, by id. Their values are checked when a card gets them.

    Raises:
        Invalid: A referenced resource does not exist or belongs elsewhere; the error does not tell which.
    """
    return queue_references(uow, workspace_id, project_id, requests)()


def queue_references(
    uow: UnitOfWork,
    workspace_id: str,
    project_id: str,
    requests: Sequence[tuple[str, CreateCard | UpdateCard]],
) -> Callable[[], dict[str, CustomField]]:
    """Send the statements of ``check_references`` together with later ones, and return a function that returns its result.

    Args:
        workspace_id: The workspace to which assignees must have access, or whose agents they are.
        project_id: The project that labels must belong to.
        requests: The requests, each with its path in a larger one, such as ``cards[3].`` or an empty string.
    """
    assignees = [
        (f"{path}assigneeId", request.assignee_id)
        for path, request in requests
        if isinstance(request.assignee_id, str)
    ]
    assignee_ids = {id for _, id in assignees}
    label_references = [
        (f"{path}labelIds[{index}]", id)
        for path, request in requests
        for index, id in enumerate(request.label_ids or ())
    ]
    read_people = people.queue_reaching(uow, workspace_id, assignee_ids, project_id)
    read_labels = _queue_labels(uow, project_id, {id for _, id in label_references})
    column_references = [
        (f"{path}recurrence.columnId", request.recurrence.column_id)
        for path, request in requests
        if request.recurrence and isinstance(request.recurrence.column_id, str)
    ]
    field_ids = {id for _, request in requests for id in request.custom_fields or ()}
    read_fields = queue_fields(uow, project_id, field_ids, is_locked=True)

    def read() -> dict[str, CustomField]:
        person_ids = read_people().keys()
        agent_ids = find_assignable_agents(uow, workspace_id, assignee_ids - person_ids)
        _check(assignees, person_ids | agent_ids)
        _check(label_references, read_labels())
        if column_references:
            _check(
                column_references,
                uow.connection.execute(_COLUMNS, {"_project_id": project_id}).scalars().all(),
            )
        custom_fields = read_fields()
        uow.item_names.update((id, custom_field.name) for id, custom_field in custom_fields.items())
        return custom_fields

    return read


def drop_missing(
    uow: UnitOfWork, workspace_id: str, project_id: str, requests: Sequence[CreateCard]
) -> list[CreateCard]:
    """Return requests without references to items that do not exist, and to people who cannot be assigned.

    Args:
        workspace_id: The workspace to which assignees must have access, or whose agents they are.
        project_id: The project of the cards.
        requests: The requests.
    """
    ids = {request.assignee_id for request in requests if isinstance(request.assignee_id, str)}
    assignable = find_assignable(uow, workspace_id, ids, project_id)
    label_ids = share_lock_labels(
        uow, project_id, {id for request in requests for id in request.label_ids or ()}
    )
    field_ids = {id for request in requests for id in request.custom_fields or ()}
    fields = queue_fields(uow, project_id, field_ids, is_locked=True)()
    return [
        convert(
            CreateCard,
            request,
            assignee_id=request.assignee_id if request.assignee_id in assignable else None,
            label_ids=[id for id in request.label_ids or () if id in label_ids],
            custom_fields={id: value for id, value in (request.custom_fields or {}).items() if id in fields},
        )
        for request in requests
    ]


def find_assignable(
    uow: UnitOfWork, workspace_id: str, ids: AbstractSet[str], project_id: str | None = None
) -> set[str]:
    """Return the people and agents among ``ids`` to whom cards can be assigned, and lock them until the commit.

    Args:
        workspace_id: The workspace.
        ids: The ids of users, of which any may be unknown.
        project_id: A project that the people have to see as well. Default: none.
    """
    person_ids = people.queue_reaching(uow, workspace_id, ids, project_id)().keys()
    return person_ids | find_assignable_agents(uow, workspace_id, ids - person_ids)


def share_lock_labels(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> set[str]:
    """Lock labels of a project against deletion until the transaction ends, and return the ids of those that exist.

    Args:
        project_id: The project.
        ids: The ids of the labels.
    """
    return _queue_labels(uow, project_id, ids)()


def _queue_labels(uow: UnitOfWork, project_id: str, ids: Collection[str]) -> Callable[[], set[str]]:
    """Return a function that returns the ids that are labels of a project, and remembers their names in the unit."""
    if not ids:
        return set
    result = queue_statement(uow.connection, _LABELS, {"_project_id": project_id, "_ids": list(ids)})

    def read() -> set[str]:
        names_by_id = {row.id: row.name for row in result.fetch_rows()}
        uow.item_names.update(names_by_id)
        return set(names_by_id)

    return read


def _check(references: Sequence[tuple[str, str]], existing_ids: Container[str]) -> None:
    for field, id in references:
        if id not in existing_ids:
            raise unknown(field)
