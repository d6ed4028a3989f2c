"""Exports: a project as one file, as of one moment; its documents and rules are for other areas to add."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import FromClause, Row, Select, bindparam, select, union_all

from stellary.contract.cards import Card
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
from stellary.core.board.field_rows import project_fields
from stellary.core.board.labels import project_labels
from stellary.core.board.listing import all_cards
from stellary.core.board.rules import relations as relation_rules
from stellary.core.board.scope_rows import project_scopes
from stellary.core.board.tables import attachments, cards, comments, projects, relations
from stellary.core.kernel.unit import UnitOfWork

T = TypeVar("T")
ByCard = Mapping[str, Sequence[T]]

_OF_PROJECT = cards.c.project_id == bindparam("_project_id")
_COMMENTS: Select[Any] = (
    select(comments).join(cards, cards.c.id == comments.c.card_id).where(_OF_PROJECT).order_by(comments.c.id)
)
_ATTACHMENTS: Select[Any] = (
    select(
        attachments.c.id,
        attachments.c.card_id,
        attachments.c.original_name,
        attachments.c.mime_type,
        attachments.c.size,
        attachments.c.uploaded_by_id,
        attachments.c.created_at,
    )
    .join(cards, cards.c.id == attachments.c.card_id)
    .where(_OF_PROJECT)
    .order_by(attachments.c.id)
)


def _relations() -> Select[Any]:
    """The relations that a project's cards have with any card, each from both ends if both are its own."""
    own, other = cards.alias("own"), cards.alias("other")

    def seen(own_id: Any, other_id: Any, from_source: int) -> Select[Any]:
        ends: FromClause = (
            relations.join(own, own.c.id == own_id)
            .join(other, other.c.id == other_id)
            .join(projects, projects.c.id == other.c.project_id)
        )
        return (
            select(
                relations.c.id,
                relations.c.type,
                bindparam(None, from_source).label("from_source"),
                own.c.id.label("card_id"),
                other.c.id.label("other_id"),
                other.c.project_id.label("other_project_id"),
                other.c.number,
                projects.c.key,
            )
            .select_from(ends)
            .where(own.c.project_id == bindparam("_project_id"))
        )

    found = union_all(
        seen(relations.c.source_id, relations.c.target_id, 1),
        seen(relations.c.target_id, relations.c.source_id, 0),
    ).subquery("found")
    return select(found).order_by(found.c.id, found.c.from_source.desc())


_RELATIONS = _relations()


def project_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """The project with everything that is in it but for documents, and the id of its workspace."""
    project = access.project(uow, ref).row
    place = {"_project_id": project.id}

    def rows(statement: Select[Any]) -> Sequence[Row[Any]]:
        return uow.connection.execute(statement, place).fetchall()

    found = all_cards(uow, project.id, project.key)
    said, files = rows(_COMMENTS), rows(_ATTACHMENTS)
    members = uow.connection.execute(MEMBERS, place).scalars().fetchall()
    known = People(
        people.introduced(
            uow,
            project.workspace_id,
            {
                *members,
                *(card.created_by_id for card in found),
                *(card.assignee_id for card in found if card.assignee_id),
                *(row.author_id for row in said if row.imported_from is None),
                *(row.uploaded_by_id for row in files),
            },
        )
    )
    on_cards = _OnCards(
        comments=_by_card(said, lambda row: _comment(row, known)),
        attachments=_by_card(files, lambda row: _attachment(row, known)),
        relations=_by_card(_told_once(rows(_RELATIONS), found), lambda row: _relation(row, project.id)),
    )
    file = ProjectFile(
        format=FORMAT,
        exported_at=uow.now,
        project=FileProject(
            name=project.name,
            description=project.description,
            key=project.key,
            archived=project.archived,
            last_number=project.last_number,
        ),
        scopes=[
            FileScope(
                id=scope.id,
                name=scope.name,
                description=scope.description,
                is_default=scope.is_default,
                start_date=scope.start_date,
                due_date=scope.due_date,
                active_view=scope.active_view,
                views=[view for view in scope.views if view.settings],
            )
            for scope in project_scopes(uow, project.id, ())
        ],
        columns=[
            FileColumn(
                id=column.id,
                scope_id=column.scope_id,
                name=column.name,
                card_status=column.card_status,
                wip_limit=column.wip_limit,
            )
            for column in column_values(uow, project.id)
        ],
        labels=[
            FileLabel(id=label.id, name=label.name, color=label.color)
            for label in project_labels(uow, project.id)
        ],
        custom_fields=[
            FileCustomField(
                id=field.id,
                name=field.name,
                type=field.type,
                options=field.options,
                required=field.required,
            )
            for field in project_fields(uow, project.id)
        ],
        cards=[_card(card, on_cards, known) for card in found],
        members=[known.person(id) for id in members],
        documents=[],
        automations=[],
    )
    return file, project.workspace_id


class People:
    """Who is named in a file."""

    def __init__(self, found: Mapping[str, tuple[people.Person, bool]]) -> None:
        self._found = found

    def person(self, id: str) -> FilePerson:
        """Somebody with the e-mail address, which is told of those alone who reach the workspace."""
        person, reaches = self._found[id]
        return FilePerson(name=person.name, email=person.email if reaches else None)


@attrs.frozen
class _OnCards:
    """What hangs on cards, by their ids."""

    comments: ByCard[FileComment]
    attachments: ByCard[FileAttachment]
    relations: ByCard[FileRelation]


def _by_card(rows: Iterable[Row[Any]], make: Callable[[Row[Any]], T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[row.card_id].append(make(row))
    return found


def _card(card: Card, on_cards: _OnCards, known: People) -> FileCard:
    return FileCard(
        id=card.id,
        number=card.number,
        title=card.title,
        description=card.description,
        column_id=card.column_id,
        status=card.status,
        priority=card.priority,
        start_date=card.start_date,
        due_date=card.due_date,
        archived=card.archived,
        assignee=card.assignee_id and known.person(card.assignee_id).email,
        label_ids=card.label_ids,
        custom_fields=card.custom_fields,
        checklist=[FileChecklistItem(title=step.title, done=step.done) for step in card.checklist],
        comments=list(on_cards.comments.get(card.id, ())),
        relations=list(on_cards.relations.get(card.id, ())),
        attachments=list(on_cards.attachments.get(card.id, ())),
        created_by=known.person(card.created_by_id),
        created_at=card.created_at,
        completed_at=card.completed_at,
    )


def _comment(row: Row[Any], known: People) -> FileComment:
    author = FilePerson(**row.imported_from) if row.imported_from else known.person(row.author_id)
    return FileComment(
        author=author, content=row.content, created_at=row.created_at, updated_at=row.updated_at
    )


def _attachment(row: Row[Any], known: People) -> FileAttachment:
    return FileAttachment(
        id=row.id,
        original_name=row.original_name,
        mime_type=row.mime_type,
        size=row.size,
        uploaded_by=known.person(row.uploaded_by_id),
        created_at=row.created_at,
    )


def _told_once(rows: Iterable[Row[Any]], found: Sequence[Card]) -> Iterator[Row[Any]]:
    """Of relations that are seen from both ends, one each: that of the source, or of two that are merely related, that
    of the card which the file has first.
    """
    places = {card.id: place for place, card in enumerate(found)}
    for row in rows:
        here, there = places[row.card_id], places.get(row.other_id)
        if there is None or (here < there if row.type == "related_to" else row.from_source):
            yield row


def _relation(row: Row[Any], project_id: str) -> FileRelation:
    return FileRelation(
        type=relation_rules.type_seen_by(row.type, from_source=bool(row.from_source)),
        target_card_id=row.other_id if row.other_project_id == project_id else None,
        target_key=f"{row.key}-{row.number}",
    )
