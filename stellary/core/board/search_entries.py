"""Search entries of a board: projects, cards and comments, as indexed text and as hits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, func, literal, null, or_, select

from stellary.contract.cards import Card
from stellary.contract.comments import Comment
from stellary.contract.policies import BOARD_READ
from stellary.contract.projects import Project
from stellary.contract.search import FoundKind, Hit
from stellary.core.board.row_types import HitRow, IndexedCommentRow, IndexedProjectRow
from stellary.core.board.rows import card_rows
from stellary.core.board.tables import PROJECT_WORKSPACE_ID, cards, comments, projects
from stellary.core.db.base import Json, is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.search_sources import MakeSnippet, SearchEntry, SearchSource
from stellary.core.kernel.unit import UnitOfWork

# ---------------------------------------------------------------------------------------------- into the index


def project_entry(project: Project | IndexedProjectRow) -> SearchEntry:
    """Return the entry of a project, or of its row."""
    return SearchEntry(
        kind="project",
        id=project.id,
        workspace_id=project.workspace_id,
        project_id=project.id,
        title=f"{project.key} {project.name}",
        text=project.description or "",
    )


def card_entry(workspace_id: str, card: Card, key: str = "") -> SearchEntry:
    """Return the search entry of a card: its key and title, description and checklist items.

    Args:
        workspace_id: The workspace.
        card: The card.
        key: The card's key, if the card does not have it yet.
    """
    return SearchEntry(
        kind="card",
        id=card.id,
        workspace_id=workspace_id,
        project_id=card.project_id,
        card_id=card.id,
        title=f"{key or card.key} {card.title}",
        text=_card_text(card.description, [item.title for item in card.checklist]),
    )


def comment_entry(workspace_id: str, project_id: str, comment: Comment | IndexedCommentRow) -> SearchEntry:
    """Return the entry of a comment.

    Args:
        workspace_id: The workspace.
        project_id: The project.
        comment: The comment, or its row.
    """
    return SearchEntry(
        kind="comment",
        id=comment.id,
        workspace_id=workspace_id,
        project_id=project_id,
        card_id=comment.card_id,
        title="",
        text=comment.content,
    )


def _card_text(description: str | None, steps: Sequence[str]) -> str:
    return "\n".join(filter(None, (description, *steps)))


_PROJECT = Query(
    IndexedProjectRow,
    select(
        PROJECT_WORKSPACE_ID, projects.c.id, projects.c.key, projects.c.name, projects.c.description
    ).where(is_given(projects.c.id, "project_id"), is_given(projects.c.workspace_id)),
)
_CARDS = select(*card_rows.STORED).where(is_given(cards.c.project_id))
_ON_CARDS: Select[Any] = select(
    comments.c.id, comments.c.card_id, comments.c.content, cards.c.project_id
).join_from(comments, cards)
_COMMENT = Query(IndexedCommentRow, _ON_CARDS.where(is_given(comments.c.id, "comment_id")))
_COMMENTS = Query(IndexedCommentRow, _ON_CARDS.where(is_given(cards.c.project_id)))


def load_project_entry(uow: UnitOfWork, workspace_id: str, project_id: str) -> SearchEntry | None:
    """Return the entry of a project itself; None if it does not exist.

    Args:
        workspace_id: The workspace.
        project_id: The project.
    """
    parameters = {"_project_id": project_id, "_workspace_id": workspace_id}
    row = _PROJECT.first(uow.connection, parameters)
    return None if row is None else project_entry(row)


def list_project_entries(uow: UnitOfWork, workspace_id: str, project_id: str) -> Iterator[SearchEntry]:
    """Yield the entries of a project, its cards and their comments.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
    """
    parameters = {"_project_id": project_id, "_workspace_id": workspace_id}
    for project in _PROJECT.all(uow.connection, parameters):
        yield project_entry(project)
        for row in uow.connection.execute(_CARDS, parameters):
            yield card_entry(workspace_id, card_rows.card(row, project.key, None))
        for comment in _COMMENTS.all(uow.connection, parameters):
            yield comment_entry(workspace_id, project_id, comment)


def in_visible_project(
    project_id: ColumnElement[Any], workspace_id: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return the condition that an entry has no project, or one of the workspace: an unfinished import hides its project.

    Args:
        project_id: The project of the entry.
        workspace_id: The workspace of the entry.
    """
    # By the project of each entry, since a workspace can have many projects.
    workspace_of_project = select(projects.c.workspace_id).where(projects.c.id == project_id)
    return or_(project_id.is_(None), workspace_of_project.scalar_subquery() == workspace_id)


def list_comment_entries(uow: UnitOfWork, workspace_id: str, comment_id: str) -> Iterator[SearchEntry]:
    """Yield the entry of a comment, if it exists.

    Args:
        workspace_id: The workspace of the card.
        comment_id: The comment.
    """
    for row in _COMMENT.all(uow.connection, {"_comment_id": comment_id}):
        yield comment_entry(workspace_id, row.project_id, row)


def project_exists(project_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a project exists."""
    return select(projects.c.id).where(projects.c.id == project_id).exists()


def card_exists(card_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a card exists."""
    return select(cards.c.id).where(cards.c.id == card_id).exists()


# ---------------------------------------------------------------------------------------------- as hits

_of_card, _of_project = cards.alias("of_card"), projects.alias("of_project")


def join_archived(
    source: FromClause, project_id: ColumnElement[Any], card_id: ColumnElement[Any]
) -> tuple[FromClause, ColumnElement[bool]]:
    """Join the project and the card of a row, and return the condition that one of them is archived.

    Args:
        source: The table or join with the row.
        project_id: Its column with the id of the project, which may be null.
        card_id: Its column with the id of the card, which may be null.
    """
    joined = source.outerjoin(_of_project, _of_project.c.id == project_id).outerjoin(
        _of_card, _of_card.c.id == card_id
    )
    archived = or_(func.coalesce(_of_project.c.archived, False), func.coalesce(_of_card.c.archived, False))
    return joined, archived


def _build_source(
    kind: FoundKind, table: Table, source: FromClause, **columns: ColumnElement[Any]
) -> SearchSource:
    """Return the source of projects, or of cards or comments in them.

    Args:
        kind: The kind of hits.
        table: The table of the items that are found.
        source: The tables from which the statement selects.
        **columns: The columns of ``HitRow`` that not all kinds have in common. Default: no card, and no checklist.
    """
    columns = {"card_id": null(), "number": null(), "checklist": literal([], Json), **columns}
    rows = select(
        projects.c.id.label("project_id"),
        projects.c.key,
        projects.c.archived.label("project_archived"),
        table.c.id,
        table.c.created_at,
        table.c.updated_at,
        *(column.label(name) for name, column in columns.items()),
    ).select_from(source)
    query = Query(HitRow, rows.where(is_given(projects.c.workspace_id), is_among(table.c.id)))

    def load_hits(
        uow: UnitOfWork,
        organization_id: str,
        workspace_id: str,
        ids: Collection[str],
        make_snippet: MakeSnippet,
    ) -> Mapping[str, Hit]:
        parameters = {"_workspace_id": workspace_id, "_ids": list(ids)}
        return {
            row.id: Hit(
                kind=kind,
                id=row.id,
                title=row.title,
                snippet=make_snippet(_card_text(row.content, [step["title"] for step in row.checklist])),
                project_id=row.project_id,
                card_id=row.card_id,
                card_key=None if row.number is None else f"{row.key}-{row.number}",
                document_id=None,
                archived=row.archived or row.project_archived,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in query.all(uow.connection, parameters)
        }

    return SearchSource(kind, BOARD_READ, load_hits)


_OF_CARD = {"card_id": cards.c.id} | {name: cards.c[name] for name in ("number", "title", "archived")}
_CARDS_IN_PROJECTS = cards.join(projects)
SOURCES = (
    _build_source(
        "card",
        cards,
        _CARDS_IN_PROJECTS,
        **_OF_CARD,
        content=cards.c.description,
        checklist=cards.c.checklist,
    ),
    _build_source(
        "comment", comments, comments.join(_CARDS_IN_PROJECTS), **_OF_CARD, content=comments.c.content
    ),
    _build_source(
        "project",
        projects,
        projects,
        title=projects.c.name,
        archived=projects.c.archived,
        content=projects.c.description,
    ),
)
"""The search sources of boards."""
