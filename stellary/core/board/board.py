"""The board: the contents of a project in one response, read in one transaction."""

from __future__ import annotations

from typing import cast

from sqlalchemy import select

from stellary.contract.cards import Card
from stellary.contract.projects import GET_BOARD, Board, BoardMember
from stellary.contract.refs import ProjectRef
from stellary.core.accounts import people
from stellary.core.board import access
from stellary.core.board.columns import column_values
from stellary.core.board.labels import load_labels
from stellary.core.board.listing import load_column_cards
from stellary.core.board.projects import project_value
from stellary.core.board.rows.field_rows import project_fields
from stellary.core.board.rows.scope_rows import project_scopes
from stellary.core.board.tables import project_members
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork, serves

MEMBERS = (
    select(project_members.c.user_id, project_members.c.role)
    .where(is_given(project_members.c.project_id))
    .order_by(project_members.c.user_id)
)


@serves(GET_BOARD)
def get_board(uow: UnitOfWork, ref: ProjectRef) -> Board:
    """Return the project with its scopes, columns, unarchived cards, labels, fields and people."""
    project = access.project(uow, ref).row
    parameters = {"_project_id": project.id}
    cards = load_column_cards(uow, {"archived": False}, project.id, project.key)
    columns = column_values(uow, project.id)
    roles = {row.user_id: row.role for row in uow.connection.execute(MEMBERS, parameters)}
    other_ids = cards.assignee_ids() - roles.keys()
    people_by_id = people.load_people(uow, [*roles, *sorted(other_ids)])
    return Board(
        project=project_value(project),
        scopes=project_scopes(uow, project.id, columns),
        columns=columns,
        # A ``CardList`` supports every operation that readers use.
        cards=cast("list[Card]", cards),
        labels=load_labels(uow, project.id),
        custom_fields=project_fields(uow, project.id),
        members=[
            BoardMember(
                user_id=person.id,
                email=person.email,
                name=person.name,
                is_member=person.id in roles,
                role=roles.get(person.id),
            )
            for person in people_by_id.values()
        ],
    )
