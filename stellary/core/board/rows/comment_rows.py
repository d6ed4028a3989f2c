"""The rows of comments: the statements and conversions that all kinds of items with comments share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Column, Connection, Table, bindparam, delete, insert, select

from stellary.contract.comments import Comment, CreateComment, DocumentComment, UpdateComment
from stellary.contract.errors import NotFound
from stellary.contract.fields import get_set_fields, replace_fields, update_value
from stellary.contract.project_exports import FileComment, FilePerson
from stellary.contract.trash import TrashKind
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts.audience import name_of
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board.row_types import CommentRow, ExportedCommentRow
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import NoColumns, StoredItems, delete_row

_PLACE = ("workspace_id", "project_id")
C = TypeVar("C", Comment, DocumentComment)


class CommentRows(Generic[C]):
    """The comments on one kind of item.

    Args:
        kind: The class of the comments.
        table: Their table.
        item_id: The column with the id of the item.
        trash_kind: Their kind in the trash.
    """

    def __init__(self, kind: type[C], table: Table, item_id: Column[str], trash_kind: TrashKind) -> None:
        self._kind: type[C] = kind
        self._table, self._item_id, self._trash_kind = table, item_id.name, trash_kind
        names = {"author_name": name_of(table.c.author_id)}
        self._fields: StoredItems[C, []] = StoredItems(kind, table, "Comment", NoColumns, selected=names)
        not_in_files = ("id", item_id.name, "author_id", "imported_from")
        self._file_fields = RowFields(FileComment, table, computed=("author",), internal=not_in_files)
        rows = select(*self._fields.columns).where(item_id == bindparam("_item_id"))
        self._current = Query(
            CommentRow,
            select(*self._fields.columns).where(is_among(table.c.id)),
        )
        this = is_given(table.c.id)
        self._list = Pages(CommentRow, rows, table.c.id)
        self._one = Query(CommentRow, rows.where(this))
        (key,) = item_id.foreign_keys
        place = (
            column.is_not_distinct_from(bindparam(column.name))
            for column in key.column.table.c
            if column.name in _PLACE
        )
        # The lock keeps the item from being moved or deleted before the unit ends.
        self._in_place = Query(
            CommentRow,
            rows.join_from(table, key.column.table)
            .where(this, *place)
            .with_for_update(read=True, of=key.column.table),
        )
        self._by_ids = select(table).where(is_among(table.c.id))
        self._insert, self._delete = insert(table), delete(table).where(this)

    def fetch(self, uow: UnitOfWork, request: Paged, item_id: str) -> Listing[C]:
        """Return the comments on an item, oldest first.

        Args:
            request: The page.
            item_id: The item.
        """
        return self._list.fetch(uow, request, self._to_comment, _item_id=item_id)

    def read_current(self, connection: Connection, ids: Collection[str]) -> dict[str, C]:
        """Return comments as they are now, by id; deleted ones are left out.

        Args:
            connection: A connection to the database.
            ids: The ids of the comments.
        """
        rows = self._current.all(connection, {"_ids": sorted(ids)}) if ids else ()
        return {comment.id: comment for comment in map(self._to_comment, rows)}

    def insert(self, uow: UnitOfWork, request: CreateComment, item_id: str, **place: str | None) -> C:
        """Insert a comment of the caller.

        Args:
            request: The text.
            item_id: The item.
            **place: The workspace and the project of the item, by name, unless it is locked.
        """
        id = uow.new_id()
        keys = {"id": id, self._item_id: item_id, "author_id": uow.user_id}
        times = {"created_at": uow.now, "updated_at": uow.now}
        uow.connection.execute(self._insert, {**get_set_fields(request, self._kind), **keys, **times})
        return self.read(uow, item_id, id, **place)

    def update(
        self, uow: UnitOfWork, request: UpdateComment, item_id: str, id: str, **place: str | None
    ) -> tuple[C, C]:
        """Change a comment, and return it before and after; the same value twice if nothing changes.

        Args:
            request: The fields to change.
            item_id: The item.
            id: The comment.
            **place: As for ``read``.

        Raises:
            NotFound: Another unit has deleted the comment, or moved the item.
        """
        before = self.read(uow, item_id, id, **place)
        after = update_value(before, request, uow.now)
        if after is not before:
            self._fields.update(uow, before, after)
        return before, after

    def delete(
        self,
        uow: UnitOfWork,
        roles: CallerRoles,
        id: str,
        author_id: str,
        *,
        name: str,
        project_id: str | None,
        key: str | None = None,
    ) -> None:
        """Move a comment to the trash.

        Args:
            uow: A unit that has locked the item.
            roles: The caller's roles in the workspace.
            id: The comment.
            author_id: Its author.
            name: The title of the item.
            project_id: The project of the item.
            key: The key of a card. Default: none.

        Raises:
            NotFound: Another unit has deleted the comment.
        """
        item = trash.Item(id, name, project_id)
        trash.put_item(uow, self._table, self._trash_kind, item, roles, key=key, author_id=author_id)
        delete_row(uow, self._delete, {"_id": id}, "Comment")

    def insert_imported(self, uow: UnitOfWork, new_comments: Sequence[tuple[C, str | None]]) -> None:
        """Insert the comments of a project file.

        Args:
            new_comments: The comments, with the e-mail addresses of their authors as the file has them.
        """
        rows = [
            self._fields.to_row(comment, imported_from={"name": comment.imported_from, "email": email})
            for comment, email in new_comments
        ]
        if rows:
            uow.connection.execute(self._insert, rows)

    def insert_copies(self, uow: UnitOfWork, originals: Sequence[C], item_id: str) -> list[C]:
        """Copy comments, with their authors and times, to another item.

        Args:
            originals: The comments, all of one item.
            item_id: The other item.
        """
        new_ids: dict[str, str] = {comment.id: uow.new_id() for comment in originals}
        stored = uow.connection.execute(self._by_ids, {"_ids": [*new_ids]}).mappings()
        rows = [{**row, "id": new_ids[row["id"]], self._item_id: item_id} for row in stored]
        uow.connection.execute(self._insert, rows)
        item: dict[str, object] = {self._item_id: item_id}
        return [replace_fields(comment, id=new_ids[comment.id], **item) for comment in originals]

    def to_file(self, row: ExportedCommentRow, find_person: Callable[[str], FilePerson]) -> FileComment:
        """Return a comment for a project file.

        Args:
            row: The row of the comment.
            find_person: Returns a user by id.
        """
        author = FilePerson(**row.imported_from) if row.imported_from else find_person(row.author_id)
        return self._file_fields.to_value(row, author=author)

    def read(self, uow: UnitOfWork, item_id: str, id: str, **place: str | None) -> C:
        """Return a comment.

        Args:
            item_id: The item.
            id: The comment.
            **place: The workspace and the project in which the caller sees the item, by name; it is locked there. Default: any.

        Raises:
            NotFound: Another unit has deleted the comment, or moved the item.
        """
        query = self._in_place if place else self._one
        row = query.first(uow.connection, {"_item_id": item_id, "_id": id, **place})
        if row is None:
            raise NotFound("Comment not found")
        return self._to_comment(row)

    def _to_comment(self, row: CommentRow) -> C:
        importer, imported_from = row.author_name, row.imported_from["name"] if row.imported_from else None
        # The authors of imported comments are not verified, so the importer is named as well.
        name = f"{imported_from} (imported by {importer})" if imported_from else importer
        return self._fields.to_value(row, author_name=name, imported_from=imported_from)
