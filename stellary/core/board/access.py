"""Access checks of the board: each reads a thing, its project and the caller's roles in one statement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs
from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, bindparam, func, select

from stellary.contract.cards import Card
from stellary.contract.errors import NotFound
from stellary.contract.refs import (
    CardLabelRef,
    CardRef,
    ChecklistItemRef,
    ColumnRef,
    CommentRef,
    FlatCardRef,
    LabelRef,
    ProjectMemberRef,
    ProjectRef,
    Ref,
    WorkspaceRef,
)
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.board.order.locks import lock_project, uses_row_locks
from stellary.core.board.order.ordering import ORDER, load_order
from stellary.core.board.rows import card_rows
from stellary.core.board.rules import checklists
from stellary.core.board.tables import cards, columns, comments, labels, project_members, projects
from stellary.core.kernel.unit import UnitOfWork

_IN_PROJECT = project_members.c.user_id.label("_in_project")
_OF_PROJECT = projects.c.id.label("of_project")
"""Null if the resource is not in the workspace, or not in the project that the path names."""
OF_PROJECT: ColumnElement[str] = projects.c.id
"""The project that an access check has reached: what other areas' tables are joined to."""

_members = project_members.alias("members")
MEMBER_COUNT: ColumnElement[int] = (
    select(func.count())
    .select_from(_members)
    .where(_members.c.project_id == projects.c.id)
    .scalar_subquery()
    .label("member_count")
)


def _to_project(source: FromClause) -> FromClause:
    return source.outerjoin(
        projects, and_(projects.c.workspace_id == WORKSPACE_ID, projects.c.id == bindparam("_project_id"))
    )


def _to_managed_project(source: FromClause) -> FromClause:
    return _to_project(source).outerjoin(
        project_members,
        and_(
            project_members.c.project_id == projects.c.id, project_members.c.user_id == bindparam("_user_id")
        ),
    )


def _to_member(source: FromClause) -> FromClause:
    return _to_managed_project(source).outerjoin(
        _members, and_(_members.c.project_id == projects.c.id, _members.c.user_id == bindparam("_member_id"))
    )


def _to_column(source: FromClause) -> FromClause:
    return _to_project(source).outerjoin(
        columns, and_(columns.c.project_id == projects.c.id, columns.c.id == bindparam("_column_id"))
    )


def _to_card(source: FromClause) -> FromClause:
    return _to_project(source).outerjoin(
        cards, and_(cards.c.project_id == projects.c.id, cards.c.id == bindparam("_card_id"))
    )


def _to_comment(source: FromClause) -> FromClause:
    return _to_card(source).outerjoin(
        comments, and_(comments.c.card_id == cards.c.id, comments.c.id == bindparam("_comment_id"))
    )


def _to_flat_card(source: FromClause) -> FromClause:
    # Not bound to the path's project: most of these paths name none.
    return source.outerjoin(cards, cards.c.id == bindparam("_card_id")).outerjoin(
        projects, and_(projects.c.id == cards.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    )


def _to_card_label(source: FromClause) -> FromClause:
    return _to_flat_card(source).outerjoin(
        labels, and_(labels.c.project_id == projects.c.id, labels.c.id == bindparam("_label_id"))
    )


def _to_label(source: FromClause) -> FromClause:
    return source.outerjoin(labels, labels.c.id == bindparam("_label_id")).outerjoin(
        projects, and_(projects.c.id == labels.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    )


def through_project(*columns: ColumnElement[Any], joins: Callable[[FromClause], FromClause]) -> Select[Any]:
    """Build the statement of an access check to something that another area keeps of a project. Built once, at import.

    Its rows have ``of_project``, null where the workspace has no such project, and what says who may manage it.

    Args:
        columns: What the access check reads beside that.
        joins: Extends the FROM clause by outer joins to ``OF_PROJECT``.
    """
    return through_workspace(
        _IN_PROJECT, _OF_PROJECT, *columns, joins=lambda source: joins(_to_managed_project(source))
    )


_PROJECT_KEY = projects.c.key.label("project_key")
# Last in each statement, so that the same slice selects the columns of a card.
_CARD = (_PROJECT_KEY, *ORDER, *card_rows.STORED)
_STORED = slice(-len(card_rows.STORED), None)

_PROJECT = through_workspace(_IN_PROJECT, _OF_PROJECT, *projects.c, MEMBER_COUNT, joins=_to_managed_project)
_MEMBER = through_workspace(
    _IN_PROJECT,
    _OF_PROJECT,
    projects.c.id,
    projects.c.workspace_id,
    _members.c.user_id.label("member_id"),
    joins=_to_member,
)
_COLUMN = through_workspace(_OF_PROJECT, _PROJECT_KEY, *columns.c, joins=_to_column)
_CARD_ACCESS = through_workspace(_OF_PROJECT, *_CARD, joins=_to_card)
_FLAT_CARD = through_workspace(_OF_PROJECT, *_CARD, joins=_to_flat_card)
_COMMENT = through_workspace(
    _OF_PROJECT,
    comments.c.id.label("comment_id"),
    comments.c.author_id,
    comments.c.content,
    comments.c.created_at.label("commented_at"),
    *_CARD,
    joins=_to_comment,
)
_CARD_LABEL = through_workspace(_OF_PROJECT, labels.c.id.label("label_id"), *_CARD, joins=_to_card_label)
_LABEL = through_workspace(_OF_PROJECT, *labels.c, joins=_to_label)
_CARDS_NOW: Select[Any] = (
    select(*_CARD)
    .join_from(cards, projects, projects.c.id == cards.c.project_id)
    .where(cards.c.id.in_(bindparam("_ids", expanding=True)))
)
_CARD_BY_ID: Select[Any] = (
    select(*_CARD)
    .join_from(cards, projects, projects.c.id == cards.c.project_id)
    .where(cards.c.id == bindparam("_card_id"))
)
_LOCK: Select[Any] = _CARD_BY_ID.with_for_update(key_share=True, of=cards)


@attrs.frozen
class LoadedCard(Loaded[Any]):
    """The result of an access check of a card.

    Attributes:
        card: The card, with its order.
        position: The stored position that the order follows from.
    """

    card: Card
    position: int


def project(uow: UnitOfWork, ref: ProjectRef) -> Loaded[Any]:
    """Check access to a project; return its row, and ``member_count``.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such project.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _PROJECT, ref, _project_id=ref.project_id)
    if row.id is None and uow.policy.role != "ws_read":
        # The role depends on the project: a project that does not exist cannot be forbidden.
        raise NotFound("Project not found")
    check_role(uow, roles)
    if row.id is None:
        raise NotFound("Project not found")
    return Loaded(row, roles)


def load_locked_project(uow: UnitOfWork, ref: ProjectRef) -> Loaded[Any]:
    """Check access to a project, and lock it: until the unit ends, no other unit changes it or its columns.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such project.
        Forbidden: The caller's role is not enough.
    """
    at = project(uow, ref)
    if not uses_row_locks(uow):
        return at
    lock_project(uow, at.row.id)
    return project(uow, ref)


def project_member(uow: UnitOfWork, ref: ProjectMemberRef) -> Loaded[Any]:
    """Check access to a member of a project; return the project's ``id``, and ``member_id``.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such project, or no such member.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _MEMBER, ref, _project_id=ref.project_id, _member_id=ref.user_id)
    if row.id is None:
        raise NotFound("Project not found")
    check_role(uow, roles)
    if row.member_id is None:
        raise NotFound("Member not found")
    return Loaded(row, roles)


def column(uow: UnitOfWork, ref: ColumnRef) -> Loaded[Any]:
    """Check access to a column; return its row, and the ``project_key``.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such project, or no such column in it.
    """
    row, roles = load_with_roles(uow, _COLUMN, ref, _project_id=ref.project_id, _column_id=ref.column_id)
    check_role(uow, roles)
    _check_project(row)
    if row.id is None:
        raise NotFound("Column not found")
    uow.record_dependency("column", row.id, row.updated_at)
    return Loaded(row, roles)


def card(uow: UnitOfWork, ref: CardRef) -> LoadedCard:
    """Check access to a card.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such project, or no such card in it.
    """
    row, roles = load_with_roles(uow, _CARD_ACCESS, ref, _project_id=ref.project_id, _card_id=ref.card_id)
    check_role(uow, roles)
    _check_project(row)
    if row.id is None:
        raise NotFound("Card not found")
    return LoadedCard(row, roles, *_build_card(uow, row))


def flat_card(uow: UnitOfWork, ref: FlatCardRef) -> LoadedCard:
    """Check access to a card, by its flat path or below its project.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such card (in that project).
    """
    row, roles = load_with_roles(uow, _FLAT_CARD, ref, _card_id=ref.card_id)
    check_role(uow, roles)
    _check_flat(ref, ref.project_id, row, "Card")
    return LoadedCard(row, roles, *_build_card(uow, row))


def checklist_item(uow: UnitOfWork, ref: ChecklistItemRef) -> LoadedCard:
    """Check access to an item of a card's checklist; return the card that has it.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such item of such a card.
    """
    at = flat_card(uow, ref)
    checklists.find_item(at.card.checklist, ref.item_id)
    return at


def card_label(uow: UnitOfWork, ref: CardLabelRef) -> LoadedCard:
    """Check access to a card and a label of its project, whether or not the card bears it.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such card, or no such label in its project.
    """
    row, roles = load_with_roles(uow, _CARD_LABEL, ref, _card_id=ref.card_id, _label_id=ref.label_id)
    check_role(uow, roles)
    _check_flat(ref, ref.project_id, row, "Card")
    if row.label_id is None:
        raise NotFound("Label not found")
    uow.record_dependency("label", row.label_id)
    return LoadedCard(row, roles, *_build_card(uow, row))


def comment(uow: UnitOfWork, ref: CommentRef) -> LoadedCard:
    """Check access to a comment; return its card, and in the row ``comment_id``, ``author_id``, ``content``, ``commented_at``.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such comment on such a card.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(
        uow,
        _COMMENT,
        ref,
        _project_id=ref.project_id,
        _card_id=ref.card_id,
        _comment_id=ref.comment_id,
    )
    _check_project(row)
    if row.id is None:
        raise NotFound("Card not found")
    if row.comment_id is None:
        raise NotFound("Comment not found")
    check_role(uow, roles, row.author_id)
    return LoadedCard(row, roles, *_build_card(uow, row))


def label(uow: UnitOfWork, ref: LabelRef) -> Loaded[Any]:
    """Check access to a label, by its flat path or below its project.

    Raises:
        NotFound: The caller does not reach the workspace, or it has no such label (in that project).
    """
    row, roles = load_with_roles(uow, _LABEL, ref, _label_id=ref.label_id)
    check_role(uow, roles)
    _check_flat(ref, ref.project_id, row, "Label")
    uow.record_dependency("label", row.id, row.updated_at)
    return Loaded(row, roles)


def lock_card(uow: UnitOfWork, at: LoadedCard) -> LoadedCard:
    """Lock the row of a card until the transaction ends, and re-read it.

    On SQLite a writing unit is alone, so nothing is read again. Callers that move the card lock its columns first
    (``locks.lock_columns``).

    Args:
        uow: The unit of work.
        at: The card, as an access check has loaded it.

    Raises:
        NotFound: The card was deleted in between.
    """
    if not uses_row_locks(uow):
        return at
    row = uow.connection.execute(_LOCK, {"_card_id": at.card.id}).first()
    if row is not None and row.version != at.card.version:
        # The other unit may have moved the card: its order was computed before the lock was granted.
        row = uow.connection.execute(_CARD_BY_ID, {"_card_id": at.card.id}).first()
    if row is None:
        raise NotFound("Card not found")
    if row.version != at.card.version:
        uow.record_dependency("held card", row.id, row.version)
    return LoadedCard(at.row, at.roles, *_build_card(uow, row))


def read_cards(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Card]:
    """Return the current state of cards that this unit has accessed before, by id.

    Deleted cards are left out.

    Args:
        uow: The unit of work.
        ids: The ids of the cards.
    """
    rows = uow.connection.execute(_CARDS_NOW, {"_ids": sorted(ids)}).fetchall()
    return {row.id: card_rows.card(row[_STORED], row.project_key, load_order(uow, row)) for row in rows}


def require_row(row: Row[Any] | None, name: str) -> Row[Any]:
    """Return a row, or raise if it no longer exists.

    Args:
        row: The row that a statement has returned.
        name: The kind of resource for the message, such as ``Card``.

    Raises:
        NotFound: The row is None.
    """
    if row is None:
        raise NotFound(f"{name} not found")
    return row


def _build_card(uow: UnitOfWork, row: Row[Any]) -> tuple[Card, int]:
    uow.record_dependency("card", row.id, row.version)
    return card_rows.card(row[_STORED], row.project_key, load_order(uow, row)), row.position


def _check_project(row: Row[Any]) -> None:
    if row.of_project is None:
        raise NotFound("Project not found")


def _check_flat(ref: WorkspaceRef, project_id: str | None, row: Row[Any], name: str) -> None:
    if row.of_project is None or project_id not in (None, row.of_project):
        raise NotFound(f"{name} not found")


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    ProjectRef: project,
    ProjectMemberRef: project_member,
    ColumnRef: column,
    CardRef: card,
    FlatCardRef: flat_card,
    ChecklistItemRef: checklist_item,
    CardLabelRef: card_label,
    CommentRef: comment,
    LabelRef: label,
}
