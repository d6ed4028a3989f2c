"""What the body of a request about cards refers to: people, labels, custom fields. Each has to be there."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from stellary.contract.cards import CreateCard, UpdateCard
from stellary.contract.custom_fields import CustomField
from stellary.core.accounts import people
from stellary.core.board.field_rows import shared_fields
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, labels, projects
from stellary.core.kernel.unit import UnitOfWork

# Nobody deletes a label while a card is about to bear it.
_LABELS: Select[Any] = (
    select(labels.c.id)
    .where(
        labels.c.project_id == bindparam("_project_id"), labels.c.id.in_(bindparam("_ids", expanding=True))
    )
    .order_by(labels.c.id)
    .with_for_update(read=True, key_share=True)
)

# Nobody deletes the card before what is about it is written.
_CARD: Select[Any] = (
    select(cards.c.id, cards.c.project_id)
    .join_from(cards, projects, projects.c.id == cards.c.project_id)
    .where(projects.c.workspace_id == bindparam("_workspace_id"), cards.c.id == bindparam("_card_id"))
    .with_for_update(read=True, key_share=True, of=cards)
)


def card_of_workspace(uow: UnitOfWork, workspace_id: str, card_id: str) -> str | None:
    """The project of a card; None if the workspace has no such card."""
    place = {"_workspace_id": workspace_id, "_card_id": card_id}
    row = uow.connection.execute(_CARD, place).first()
    return None if row is None else row.project_id


def check_references(
    uow: UnitOfWork, workspace_id: str, project_id: str, asked: Sequence[tuple[str, CreateCard | UpdateCard]]
) -> dict[str, CustomField]:
    """Check what requests refer to, in a fixed number of statements however many they are.

    Args:
        uow: The unit.
        workspace_id: Assignees have to reach it.
        project_id: Labels have to be its own.
        asked: The requests, each with where it stands in a larger one: ``cards[3].``, or nothing.

    Returns:
        The custom fields that are named, by id; what cannot be their values is found out when a card gets them.

    Raises:
        Invalid: Something is not there, or not here; the two are never told apart.
    """
    assigned = [
        (f"{path}assigneeId", request.assignee_id)
        for path, request in asked
        if isinstance(request.assignee_id, str)
    ]
    _check(assigned, people.reaching(uow, workspace_id, {id for _, id in assigned}))
    labelled = [
        (f"{path}labelIds[{index}]", id)
        for path, request in asked
        for index, id in enumerate(request.label_ids or ())
    ]
    _check(labelled, _labels(uow, project_id, {id for _, id in labelled}))
    return shared_fields(uow, project_id, {id for _, request in asked for id in request.custom_fields or ()})


def _labels(uow: UnitOfWork, project_id: str, ids: set[str]) -> set[str]:
    if not ids:
        return ids
    return set(
        uow.connection.execute(_LABELS, {"_project_id": project_id, "_ids": list(ids)}).scalars().fetchall()
    )


def _check(named: Sequence[tuple[str, str]], there: Container[str]) -> None:
    for field, id in named:
        if id not in there:
            raise unknown(field)
