"""The board: all that a project shows, in one answer and as of one moment."""

from __future__ import annotations

from typing import cast

from sqlalchemy import bindparam, select

from stellary.contract.cards import Card
from stellary.contract.projects import GET_BOARD, Board, BoardMember
from stellary.contract.refs import ProjectRef
from stellary.core.accounts import people
from stellary.core.board import access
from stellary.core.board.columns import column_values
from stellary.core.board.field_rows import project_fields
from stellary.core.board.labels import project_labels
from stellary.core.board.listing import board_cards
from stellary.core.board.projects import project_value
from stellary.core.board.scope_rows import project_scopes
from stellary.core.board.tables import project_members
from stellary.core.kernel.unit import UnitOfWork, serves

MEMBERS = (
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
    members = uow.connection.execute(MEMBERS, place).scalars().fetchall()
    assignees = cards.assignee_ids() - set(members)
    known = people.known(uow, [*members, *sorted(assignees)])
    return Board(
        project=project_value(project),
        scopes=project_scopes(uow, project.id, columns),
        columns=columns,
        # It can all that the reader of an answer may ask of a list.
        cards=cast("list[Card]", cards),
        labels=project_labels(uow, project.id),
        custom_fields=project_fields(uow, project.id),
        members=[
            BoardMember(user_id=each.id, email=each.email, name=each.name, is_member=each.id not in assignees)
            for each in known.values()
        ],
    )
