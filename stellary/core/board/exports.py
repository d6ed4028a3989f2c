"""Project exports: a project as one file, read in one transaction, its cards in batches. Other areas add their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, cast

import attrs
from sqlalchemy import Select, bindparam, select, tuple_

from stellary.contract.cards import Card
from stellary.contract.fields import convert
from stellary.contract.project_exports import (
    FORMAT,
    FileAttachment,
    FileCard,
    FileColumn,
    FileCustomField,
    FileLabel,
    FileMember,
    FilePerson,
    FileProject,
    FileRelation,
    FileScope,
    ProjectFile,
)
from stellary.contract.refs import ProjectRef
from stellary.contract.roles import ProjectRole
from stellary.core.accounts import people
from stellary.core.accounts.rules import ProjectSight
from stellary.core.board import access
from stellary.core.board.board import MEMBERS
from stellary.core.board.columns import column_values
from stellary.core.board.comments import ROWS
from stellary.core.board.labels import load_labels
from stellary.core.board.listing import in_board_order
from stellary.core.board.relations import select_relations
from stellary.core.board.row_types import AttachmentRow, ExportedCardCommentRow, ProjectRow, RelationRow
from stellary.core.board.rows import card_rows
from stellary.core.board.rows.field_rows import project_fields
from stellary.core.board.rows.scope_rows import project_scopes
from stellary.core.board.rules import relations as relation_rules
from stellary.core.board.tables import attachments, cards, comments, projects
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.batches import Batches
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork

_PROJECT_FIELDS = RowFields(
    FileProject,
    projects,
    internal=("id", "workspace_id", "template_id", "created_by_id", "version", "created_at", "updated_at"),
)
_ATTACHMENT_FIELDS = RowFields(
    FileAttachment,
    attachments,
    computed=("uploaded_by",),
    internal=("card_id", "uploaded_by_id", "sha256", "blob_key"),
)
_BATCH = 500
"""The number of cards that are read at a time."""

_SELECT: Select[Any] = select(cards.c.position, *card_rows.STORED).limit(bindparam("_limit"))
# Most projects have only these cards, which need one statement whatever the number of columns.
_FIRST_CARDS = in_board_order(_SELECT.where(is_given(cards.c.project_id)))
_AFTER = tuple_(bindparam("_position", type_=cards.c.position.type), bindparam("_id", type_=cards.c.id.type))
_CARDS = _SELECT.where(
    is_given(cards.c.column_id), is_given(cards.c.archived), tuple_(cards.c.position, cards.c.id) > _AFTER
).order_by(cards.c.position, cards.c.id)
_LOWEST = -(2**63)
_COMMENTS = Query(
    ExportedCardCommentRow,
    select(comments).where(is_among(comments.c.card_id, "ids")).order_by(comments.c.id),
)
_ATTACHMENTS = Query(
    AttachmentRow,
    select(attachments).where(is_among(attachments.c.card_id, "ids")).order_by(attachments.c.id),
)
_ENDS = select_relations(lambda card_id: is_among(card_id, "ids"))
_RELATIONS = Query(
    RelationRow, _ENDS.order_by(_ENDS.selected_columns.id, _ENDS.selected_columns.from_source.desc())
)


def project_file(uow: UnitOfWork, ref: ProjectRef) -> tuple[ProjectFile, str]:
    """Return the file of a project without its documents and rules, and the id of its workspace.

    Args:
        ref: The project.
    """
    loaded = access.project_with_sight(uow, ref)
    project = loaded.row
    rows = uow.connection.execute(MEMBERS, {"_project_id": project.id})
    roles: dict[str, ProjectRole] = {row.user_id: row.role for row in rows}
    columns = column_values(uow, project.id)
    people_in_file = People({})

    def read_members() -> Iterator[list[FileMember]]:
        people_in_file.load(uow, project.workspace_id, roles.keys())
        yield [convert(FileMember, people_in_file.person(id), role=role) for id, role in roles.items()]

    column_ids = [column.id for column in columns]
    reader = _CardReader(uow, project, column_ids, people_in_file, loaded.roles.sight)
    file = ProjectFile(
        format=FORMAT,
        exported_at=uow.now,
        project=_PROJECT_FIELDS.to_value(project),
        scopes=[
            convert(FileScope, scope, views=[view for view in scope.views if view.settings])
            for scope in project_scopes(uow, project.id, ())
        ],
        columns=[convert(FileColumn, column) for column in columns],
        labels=[convert(FileLabel, label) for label in load_labels(uow, project.id)],
        custom_fields=[convert(FileCustomField, field) for field in project_fields(uow, project.id)],
        cards=cast("list[FileCard]", Batches(reader.read)),
        members=cast("list[FileMember]", Batches(read_members)),
        documents=[],
        automations=[],
    )
    return file, project.workspace_id


@attrs.frozen(eq=False)
class _CardReader:
    """The cards of a project in the order of its file: by column and position, archived cards last.

    Attributes:
        uow: The unit of work, which is open while cards are read.
        project: The project.
        column_ids: Its columns, in order.
        people: The people that the file names so far.
        sight: The projects that the caller sees, to which relations may lead.
    """

    uow: UnitOfWork
    project: ProjectRow
    column_ids: Sequence[str]
    people: People
    sight: ProjectSight

    def read(self) -> Iterator[list[FileCard]]:
        """Yield the cards in batches."""
        cards, related_ids = self._read_cards(), set[str]()
        while batch := list(islice(cards, _BATCH)):
            yield self._build(batch, related_ids)

    def _read_cards(self) -> Iterator[Card]:
        parameters = {"_project_id": self.project.id, "_limit": _BATCH + 1}
        rows = self.uow.connection.execute(_FIRST_CARDS, parameters).fetchall()
        if len(rows) <= _BATCH:
            yield from map(self._to_card, rows)
            return
        for archived in (False, True):
            for column_id in self.column_ids:
                yield from self._read_column(column_id, archived=archived)

    def _read_column(self, column_id: str, *, archived: bool) -> Iterator[Card]:
        parameters = {"_column_id": column_id, "_archived": archived, "_limit": _BATCH}
        after = {"_position": _LOWEST, "_id": ""}
        while True:
            rows = self.uow.connection.execute(_CARDS, {**parameters, **after}).fetchall()
            yield from map(self._to_card, rows)
            if len(rows) < _BATCH:
                return
            after = {"_position": rows[-1].position, "_id": rows[-1].id}

    def _to_card(self, row: Sequence[object]) -> Card:
        return card_rows.card(row[1:], self.project.key, None)

    def _build(self, batch: Sequence[Card], related_ids: set[str]) -> list[FileCard]:
        connection, parameters = self.uow.connection, {"_ids": [card.id for card in batch]}
        comment_rows = _COMMENTS.all(connection, parameters)
        attachment_rows = _ATTACHMENTS.all(connection, parameters)
        self.people.load(
            self.uow,
            self.project.workspace_id,
            {
                *(card.created_by_id for card in batch),
                *(card.assignee_id for card in batch if card.assignee_id),
                *(row.author_id for row in comment_rows if row.imported_from is None),
                *(row.uploaded_by_id for row in attachment_rows),
            },
        )
        comments_by_card = group((row.card_id, row) for row in comment_rows)
        attachments_by_card = group((row.card_id, row) for row in attachment_rows)
        relation_rows = _RELATIONS.all(connection, parameters)
        relations_by_card = group((row.card_id, row) for row in relation_rows)
        find_person = self.people.person
        return [
            convert(
                FileCard,
                card,
                assignee=card.assignee_id and find_person(card.assignee_id).email,
                comments=[ROWS.to_file(row, find_person) for row in comments_by_card[card.id]],
                relations=[
                    _relation(row, self.project.id)
                    for row in relations_by_card[card.id]
                    if self.sight.sees(row.project_id) and self._is_first(row, related_ids)
                ],
                attachments=[
                    _ATTACHMENT_FIELDS.to_value(row, uploaded_by=find_person(row.uploaded_by_id))
                    for row in attachments_by_card[card.id]
                ],
                created_by=find_person(card.created_by_id),
            )
            for card in batch
        ]

    def _is_first(self, row: RelationRow, related_ids: set[str]) -> bool:
        """Return whether a relation is written as its card sees it: the source, or for ``related_to`` the first in the file.

        A relation of the latter type is in ``related_ids`` from its first card on, until its second one.
        """
        if row.project_id != self.project.id:
            return True
        if row.type != "related_to":
            return bool(row.from_source)
        related_ids ^= {row.id}
        return row.id in related_ids


class People:
    """The people that a file names."""

    def __init__(self, people_by_id: Mapping[str, tuple[people.Person, bool]]) -> None:
        self._people = dict(people_by_id)

    def load(self, uow: UnitOfWork, workspace_id: str, ids: AbstractSet[str]) -> None:
        """Load further people.

        Args:
            workspace_id: The workspace of the file.
            ids: The ids of users; those that have been loaded are ignored.
        """
        self._people |= people.load_with_membership(uow, workspace_id, ids - self._people.keys())

    def person(self, id: str) -> FilePerson:
        """Return a person, with the e-mail address only if the person has access to the workspace."""
        person, reaches = self._people[id]
        return FilePerson(name=person.name, email=person.email if reaches else None)


def _relation(row: RelationRow, project_id: str) -> FileRelation:
    return FileRelation(
        type=relation_rules.type_seen_by(row.type, from_source=bool(row.from_source)),
        target_card_id=row.other_id if row.project_id == project_id else None,
        target_key=f"{row.key}-{row.number}",
    )
