"""The board: all that a project shows, in one answer and as of one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Row, Select, bindparam, select

from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import GET_BOARD, Board, BoardMember
from stellary.contract.refs import ProjectRef
from stellary.contract.scopes import Scope
from stellary.contract.wire import wire_fields
from stellary.core.accounts import people
from stellary.core.board import access
from stellary.core.board.columns import column_values
from stellary.core.board.field_rows import project_fields
from stellary.core.board.listing import board_cards
from stellary.core.board.projects import project_value
from stellary.core.board.tables import labels, project_members, scopes
from stellary.core.unit import UnitOfWork, serves

_SCOPES: Select[Any] = (
    select(scopes)
    .where(scopes.c.project_id == bindparam("_project_id"))
    .order_by(scopes.c.position, scopes.c.id)
)
_LABELS: Select[Any] = (
    select(*(labels.c[field.name] for field in wire_fields(Label).values()))
    .where(labels.c.project_id == bindparam("_project_id"))
    .order_by(labels.c.id)
)
_MEMBERS = (
    select(project_members.c.user_id)
    .where(project_members.c.project_id == bindparam("_project_id"))
    .order_by(project_members.c.user_id)
)


@serves(GET_BOARD)
def get_board(uow: UnitOfWork, ref: ProjectRef) -> Board:
    """The project, its scopes with their columns, the cards that are not archived, labels, fields and people."""
    project = access.project(uow, ref).row
    place = {"_project_id": project.id}
    cards = board_cards(uow, project.id, project.key)
    columns = column_values(uow, project.id)
    members = uow.connection.execute(_MEMBERS, place).scalars().fetchall()
    assignees = cards.assignee_ids() - set(members)
    known = people.known(uow, [*members, *sorted(assignees)])
    return Board(
        project=project_value(project),
        scopes=_scopes(uow.connection.execute(_SCOPES, place).fetchall(), columns),
        columns=columns,
        # It can all that the reader of an answer may ask of a list.
        cards=cast("list[Card]", cards),
        labels=[Label(**row._mapping) for row in uow.connection.execute(_LABELS, place)],
        custom_fields=project_fields(uow, project.id),
        members=[
            BoardMember(user_id=each.id, email=each.email, name=each.name, is_member=each.id not in assignees)
            for each in known.values()
        ],
    )


def _scopes(rows: Sequence[Row[Any]], columns: list[Column]) -> list[Scope]:
    by_scope: dict[str, list[Column]] = defaultdict(list)
    for column in columns:
        by_scope[column.scope_id].append(column)
    return [
        Scope(
            id=row.id,
            project_id=row.project_id,
            name=row.name,
            description=row.description,
            order=order,
            is_default=row.is_default,
            start_date=row.start_date,
            due_date=row.due_date,
            active_view=row.active_view,
            columns=by_scope[row.id],
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for order, row in enumerate(rows)
    ]
