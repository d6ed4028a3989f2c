"""Project exports: a project as one file, read in one transaction. Other areas add their parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import ColumnElement, FromClause, Select, bindparam, select, union_all

from stellary.contract.cards import Card
from stellary.contract.fields import convert
from stellary.contract.project_exports import (
    FORMAT,
    FileAttachment,
    FileCard,
    FileChecklistItem,
    FileColumn,
    FileComment,
    FileCustomField,
    FileLabel,
    FilePerson,
    FileProject,
    FileRelation,
    FileScope,
    ProjectFile,
)
from stellary.contract.refs import ProjectRef
from stellary.core.accounts import people
from stellary.core.board import access
from stellary.core.board.board import MEMBERS
from stellary.core.board.columns import column_values
from stellary.core.board.labels import project_labels
from stellary.core.board.listing import all_cards
from stellary.core.board.row_types import ExportedAttachmentRow, ExportedCommentRow, ExportedRelationRow
from stellary.core.board.rows.field_rows import project_fields
from stellary.core.board.rows.scope_rows import project_scopes
from stellary.core.board.rules import relations as relation_rules
from stellary.core.board.tables import attachments, cards, comments, projects, relations
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

T = TypeVar("T")
OnCardRow = TypeVar("OnCardRow", ExportedCommentRow, ExportedAttachmentRow, ExportedRelationRow)
ByCard = Mapping[str, Sequence[T]]

_PROJECT_FIELDS = RowFields(
    FileProject,
    projects,
    internal=("id", "workspace_id", "template_id", "created_by_id", "version", "created_at", "updated_at"),
)
_COMMENT_FIELDS = RowFields(
    FileComment,
    comments,
    computed=("author",),
    internal=("id", "card_id", "author_id", "imported_from"),
)
_ATTACHMENT_FIELDS = RowFields(
    FileAttachment,
    attachments,
    computed=("uploaded_by",),
    internal=("card_id", "uploaded_by_id", "sha256", "blob_key"),
)
_OF_PROJECT = cards.c.project_id == bindparam("_project_id")
_COMMENTS = Query(
    ExportedCommentRow,
    select(comments).join(cards, cards.c.id == comments.c.card_id).where(_OF_PROJECT).order_by(comments.c.id),
)
_ATTACHMENTS = Query(
    ExportedAttachmentRow,
    select(*_ATTACHMENT_FIELDS.columns, attachments.c.card_id, attachments.c.uploaded_by_id)
    .join(cards, cards.c.id == attachments.c.card_id)
    .where(_OF_PROJECT)
    .order_by(attachments.c.id),
)


def _relations() -> Select[Any]:
    """Build the statement for the relations of a project's cards, with both ends if both are in the project."""
    card, other = cards.alias("own"), cards.alias("other")

    def select_end(
        card_id: ColumnElement[str], other_id: ColumnElement[str], from_source: int
    ) -> Select[Any]:
        ends: FromClause = (
            relations.join(card, card.c.id == card_id)
            .join(other, other.c.id == other_id)
            .join(projects, projects.c.id == other.c.project_id)
        )
        return (
            select(
                relations.c.id,
                relations.c.type,
                bindparam(None, from_source).label("from_source"),
                card.c.id.label("card_id"),
                other.c.id.label("other_id"),
                other.c.project_id.label("other_project_id"),
                other.c.number,
                projects.c.key,
            )
            .select_from(ends)
            .where(card.c.project_id == bindparam("_project_id"))
        )

    ends = union_all(
        select_end(relations.c.source_id, relations.c.target_id, 1),
        select_end(relations.c.target_id, relations.c.source_id, 0),
    ).subquery("found")
    return select(ends).order_by(ends.c.id, ends.c.from_source.desc())


_RELATIONS = Query(ExportedRelationRow, _relations())


def project_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """Return the file of a project without its documents and rules, and the id of its workspace.

    Args:
        uow: The unit of work.
        ref: The project.
    """
    project = access.project(uow, ref).row
    parameters = {"_project_id": project.id}

    project_cards = all_cards(uow, project.id, project.key)
    comment_rows, attachment_rows = (
        _COMMENTS.all(uow.connection, parameters),
        _ATTACHMENTS.all(uow.connection, parameters),
    )
    members = uow.connection.execute(MEMBERS, parameters).scalars().fetchall()
    introduced_people = People(
        people.load_with_membership(
            uow,
            project.workspace_id,
            {
                *members,
                *(card.created_by_id for card in project_cards),
                *(card.assignee_id for card in project_cards if card.assignee_id),
                *(row.author_id for row in comment_rows if row.imported_from is None),
                *(row.uploaded_by_id for row in attachment_rows),
            },
        )
    )
    on_cards = _OnCards(
        comments=_by_card(comment_rows, lambda row: _comment(row, introduced_people)),
        attachments=_by_card(attachment_rows, lambda row: _attachment(row, introduced_people)),
        relations=_by_card(
            _deduplicate_relations(_RELATIONS.all(uow.connection, parameters), project_cards),
            lambda row: _relation(row, project.id),
        ),
    )
    file = ProjectFile(
        format=FORMAT,
        exported_at=uow.now,
        project=_PROJECT_FIELDS.to_value(project),
        scopes=[
            convert(FileScope, scope, views=[view for view in scope.views if view.settings])
            for scope in project_scopes(uow, project.id, ())
        ],
        columns=[convert(FileColumn, column) for column in column_values(uow, project.id)],
        labels=[convert(FileLabel, label) for label in project_labels(uow, project.id)],
        custom_fields=[convert(FileCustomField, field) for field in project_fields(uow, project.id)],
        cards=[_card(card, on_cards, introduced_people) for card in project_cards],
        members=[introduced_people.person(id) for id in members],
        documents=[],
        automations=[],
    )
    return file, project.workspace_id


class People:
    """The people that a file names."""

    def __init__(self, people_by_id: Mapping[str, tuple[people.Person, bool]]) -> None:
        self._people = people_by_id

    def person(self, id: str) -> FilePerson:
        """Return a person, with the e-mail address only if the person has access to the workspace."""
        person, reaches = self._people[id]
        return FilePerson(name=person.name, email=person.email if reaches else None)


@attrs.frozen
class _OnCards:
    """Comments, attachments and relations by the ids of their cards."""

    comments: ByCard[FileComment]
    attachments: ByCard[FileAttachment]
    relations: ByCard[FileRelation]


def _by_card(rows: Iterable[OnCardRow], build_item: Callable[[OnCardRow], T]) -> dict[str, list[T]]:
    items_by_card: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        items_by_card[row.card_id].append(build_item(row))
    return items_by_card


def _card(card: Card, on_cards: _OnCards, people_in_file: People) -> FileCard:
    return convert(
        FileCard,
        card,
        assignee=card.assignee_id and people_in_file.person(card.assignee_id).email,
        checklist=[convert(FileChecklistItem, step) for step in card.checklist],
        comments=list(on_cards.comments.get(card.id, ())),
        relations=list(on_cards.relations.get(card.id, ())),
        attachments=list(on_cards.attachments.get(card.id, ())),
        created_by=people_in_file.person(card.created_by_id),
    )


def _comment(row: ExportedCommentRow, people_in_file: People) -> FileComment:
    author = FilePerson(**row.imported_from) if row.imported_from else people_in_file.person(row.author_id)
    return _COMMENT_FIELDS.to_value(row, author=author)


def _attachment(row: ExportedAttachmentRow, people_in_file: People) -> FileAttachment:
    return _ATTACHMENT_FIELDS.to_value(row, uploaded_by=people_in_file.person(row.uploaded_by_id))


def _deduplicate_relations(
    rows: Iterable[ExportedRelationRow], project_cards: Sequence[Card]
) -> Iterator[ExportedRelationRow]:
    """Yield each relation once: as seen by its source, or for ``related_to`` as seen by the card that is first in the file."""
    indexes = {card.id: index for index, card in enumerate(project_cards)}
    for row in rows:
        card_index, other_index = indexes[row.card_id], indexes.get(row.other_id)
        if other_index is None or (card_index < other_index if row.type == "related_to" else row.from_source):
            yield row


def _relation(row: ExportedRelationRow, project_id: str) -> FileRelation:
    return FileRelation(
        type=relation_rules.type_seen_by(row.type, from_source=bool(row.from_source)),
        target_card_id=row.other_id if row.other_project_id == project_id else None,
        target_key=f"{row.key}-{row.number}",
    )
