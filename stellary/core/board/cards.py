"""Single cards. Section Cards of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from sqlalchemy import bindparam, delete, insert, select, update

from stellary.contract.cards import (
    CREATE_CARD,
    DELETE_CARD,
    GET_CARD,
    UPDATE_CARD,
    Card,
    CreateCard,
    UpdateCard,
)
from stellary.contract.custom_fields import CustomField
from stellary.contract.endpoint import Deleted
from stellary.contract.errors import NotFound
from stellary.contract.fields import replace_fields
from stellary.contract.refs import CardRef, ColumnRef
from stellary.contract.wire import UNSET
from stellary.core.board import access
from stellary.core.board.changes.card_references import queue_references
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import (
    can_repeat,
    lock_columns,
    queue_column_locks,
    retry_transaction,
    uses_row_locks,
)
from stellary.core.board.order.neighbours import Neighbours, queue_neighbours
from stellary.core.board.queries.recipient_queries import load_commenter_ids
from stellary.core.board.row_types import CardNumberRow
from stellary.core.board.rows import card_rows, field_rows
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules.custom_fields import check_required
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, projects
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import queue_statement
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import CardCreated, CardDeleted
from stellary.core.kernel.unit import UnitOfWork, serves

_RESERVE_NUMBERS = Query(
    CardNumberRow,
    (
        update(projects)
        .where(is_given(projects.c.id, "project_id"))
        .values(last_number=projects.c.last_number + bindparam("_count"))
        .returning(
            projects.c.last_number,
            # Read in this statement, so that a project without required fields needs no further statement.
            select(field_rows.has_required(bindparam("_project_id"))).scalar_subquery().label("has_required"),
        )
    ),
)
INSERT = insert(cards)
_DELETE = delete(cards).where(is_given(cards.c.id))


@serves(CREATE_CARD, shares_commit=True)
def create_card(uow: UnitOfWork, ref: ColumnRef, request: CreateCard) -> Card:
    """Create a card at the end of a column."""
    return add_card(uow, ref, request)


def add_card(uow: UnitOfWork, ref: ColumnRef, request: CreateCard, **taken_over: object) -> Card:
    """Create a card like ``create_card``, with fields of another card that no request sets.

    Args:
        ref: The column.
        request: The fields of the card.
        **taken_over: The further fields.
    """
    loaded = access.column(uow, ref)
    workspace_id = loaded.roles.workspace_id
    # One round trip, in which the project and then the column are locked.
    check_references = queue_references(uow, workspace_id, ref.project_id, [("", request)])
    read_numbers = queue_numbers(uow, ref.project_id, 1)
    read_column = access.queue_column_lock(uow, loaded)
    read_end = ordering.queue_column_end(uow, ref.project_id, ref.column_id)
    fields = check_references()
    number, required_fields = read_numbers()
    column = read_column()
    point = read_end(column)
    card = rules.build_card(
        uow,
        request,
        id=uow.new_id(),
        number=number,
        project_id=ref.project_id,
        project_key=loaded.row.project_key,
        column=column,
        order=point.order,
        fields=fields,
    )
    if taken_over:
        card = replace_fields(card, **taken_over)
    check_required(required_fields, card.custom_fields)
    rules.check_room(column, point.order + 1)
    queue_statement(uow.connection, INSERT, card_rows.row(card, point.position))
    ordering.index_insertion(uow, column, point)
    uow.emit(
        CardCreated(workspace_id=workspace_id, project_id=card.project_id, card=card, column=column.name)
    )
    return card


def queue_numbers(
    uow: UnitOfWork, project_id: str, count: int
) -> Callable[[], tuple[int, list[CustomField]]]:
    """Reserve the next card numbers of a project, together with later statements. Numbers are never reused.

    Every unit reserves numbers before it locks columns. Otherwise a unit that creates cards in two columns
    could hold the numbers while it waits for the second column, and the unit that has locked that column
    waits for the numbers.

    Args:
        project_id: The project.
        count: The number of new cards.

    Returns:
        A function that returns the first number, and the custom fields that every new card needs a value of. It raises
        ``NotFound`` if the project was deleted in between.
    """
    rows = _RESERVE_NUMBERS.queue(uow.connection, {"_project_id": project_id, "_count": count})

    def read() -> tuple[int, list[CustomField]]:
        row = rows.first()
        if row is None:
            raise NotFound("Project not found")
        fields = field_rows.project_fields(uow, project_id) if row.has_required else []
        return row.last_number - count + 1, [field for field in fields if field.required]

    return read


@serves(GET_CARD, snapshot=False)
def get_card(uow: UnitOfWork, ref: CardRef) -> Card:
    """Return a card."""
    return access.card(uow, ref).card


@serves(UPDATE_CARD)
def update_card(uow: UnitOfWork, ref: CardRef, request: UpdateCard) -> Card:
    """Update a card. The position of a moved card refers to the cards that its column has when it is locked."""
    loaded = access.card_with_members(uow, ref)
    workspace_id = loaded.roles.workspace_id
    # The first result that is read executes everything before it, in one round trip.
    check_references = queue_references(uow, workspace_id, ref.project_id, [("", request)])
    columns: Mapping[str, rules.LockedColumn] = {}
    neighbours: Neighbours | None = None
    if rules.changes_position(request):
        entered_id = loaded.card.column_id if request.column_id is UNSET else request.column_id
        read_columns = queue_column_locks(uow, ref.project_id, {loaded.card.column_id, entered_id})
        read_card = access.queue_card_lock(uow, loaded)
        target = rules.find_target_position(loaded.card, request)
        neighbours = queue_neighbours(uow, ref.project_id, entered_id, target, loaded.card.id)
        fields, columns, card = check_references(), read_columns(), read_card()
    else:
        fields, card = check_references(), loaded
    change = _Update(uow, workspace_id, request, columns, fields, neighbours)
    # Concurrent changes of the same card are rare, so try without reading it again.
    updated = None if card is None else change.apply(card, is_current=not uses_row_locks(uow))
    if updated is None:
        updated = change.apply(access.lock_card(uow, loaded), is_current=True)
    if updated is None:
        # Another unit moved the card while this one waited for its column. Locks cannot be released.
        retry_transaction(uow)
    assert updated is not None
    return updated


@attrs.frozen
class _Update:
    """An update of a card.

    Attributes:
        uow: The unit of work.
        workspace_id: The workspace of the card.
        request: The request, whose references are checked.
        columns: The locked columns that the card leaves and enters; empty if its position stays.
        fields: The custom fields that the request names, by id.
        neighbours: The cards beside the position that it enters, if they were read with the locks.
    """

    uow: UnitOfWork
    workspace_id: str
    request: UpdateCard
    columns: Mapping[str, rules.LockedColumn]
    fields: Mapping[str, CustomField]
    neighbours: Neighbours | None

    def apply(self, loaded: access.LoadedCard, *, is_current: bool) -> Card | None:
        """Apply the update.

        Args:
            loaded: The card.
            is_current: Whether ``loaded`` was read after the row of the card was locked.

        Returns:
            The updated card; None if the card is in a column that is not locked, or was changed in between.
        """
        before = loaded.card
        if rules.changes_position(self.request) and before.column_id not in self.columns:
            return None
        entered_column = self._find_entered_column(before)
        target = rules.find_target_position(before, self.request)
        if target is None:
            anchors = ("before", self.request.before), ("after", self.request.after)
            ordering.check_anchors(self.uow, before.project_id, anchors)
        after = rules.apply_update(self.uow, before, self.request, entered_column, fields=self.fields)
        self.uow.require_version(before.version)
        order = None if after.archived else before.order
        point = None
        if target is not None:
            point = self._find_insertion_point(loaded, self.columns[after.column_id], target)
            order = point.order
        after = rules.increment_version(before, after, order, self.uow.now)
        if after is before:
            # The order as loaded may be outdated, so that only the current one shows that the position is the same.
            return before if is_current or target is None else None
        if not self._write(loaded, after, point, is_locked=is_current or bool(self.columns)):
            return None
        column_names = (self.columns[before.column_id].name, entered_column.name) if entered_column else ()
        for event in rules.build_events(before, after, self.workspace_id, *column_names):
            self.uow.emit(event)
        return after

    def _find_entered_column(self, before: Card) -> rules.LockedColumn | None:
        if self.request.column_id is UNSET:
            return None
        column = self.columns.get(self.request.column_id)
        if column is None:
            raise unknown("columnId")
        return column if column.id != before.column_id else None

    def _find_insertion_point(
        self, loaded: access.LoadedCard, into: rules.LockedColumn, target: rules.TargetPosition
    ) -> ordering.InsertionPoint:
        before = loaded.card
        stays_in_column = into.id == before.column_id and not before.archived
        position = loaded.position if stays_in_column else None
        point = ordering.find_insertion_point(
            self.uow, into, target, before.project_id, before.id, position, self.neighbours
        )
        if into.wip_limit is not None and not stays_in_column:
            other_count = (
                point.order
                if target == rules.EndPosition()
                else ordering.count_others(self.uow, into.id, before.id)
            )
            rules.check_room(into, other_count + 1)
        return point

    def _write(
        self,
        loaded: access.LoadedCard,
        after: Card,
        point: ordering.InsertionPoint | None,
        *,
        is_locked: bool,
    ) -> bool:
        """Write the card and its position; return False if it is not locked, and another unit has changed it."""
        before = loaded.card
        changes = card_rows.build_changes(before, after, None if point is None else point.position)
        written = {"_id": before.id, "_version": before.version, **changes}
        requires_row = not is_locked and can_repeat(self.uow)
        update = queue_statement(
            self.uow.connection, card_rows.UPDATE_OF_VERSION, written, requires_row=requires_row
        )
        if not is_locked and not update.row_count:
            return False
        if not before.archived and (after.archived or after.column_id != before.column_id):
            ordering.index_removal(self.uow, self.columns[before.column_id], loaded.position)
        if point is not None:
            ordering.index_insertion(self.uow, self.columns[after.column_id], point)
        return True


@serves(DELETE_CARD)
def delete_card(uow: UnitOfWork, ref: CardRef) -> Deleted:
    """Move a card with its comments, relations and attachments to the trash. Its number is not used again."""
    loaded = access.card(uow, ref)
    columns = {}
    if uses_row_locks(uow) or loaded.row.directory is not None:
        columns = lock_columns(uow, loaded.card.project_id, [loaded.card.column_id])
        loaded = access.lock_card(uow, loaded)
        if loaded.card.column_id not in columns:
            retry_transaction(uow)
    uow.require_version(loaded.card.version)
    column = None if loaded.card.archived else columns.get(loaded.card.column_id)
    commenter_ids = load_commenter_ids(uow, loaded.card.id)
    event = CardDeleted(**loaded.place, card=loaded.card, commenter_ids=commenter_ids)
    item = trash.Item(loaded.card.id, loaded.card.title, loaded.card.project_id)
    trash.put_item(uow, cards, "card", item, loaded.roles, key=loaded.card.key)
    uow.connection.execute(_DELETE, {"_id": loaded.card.id})
    if column is not None:
        ordering.index_removal(uow, column, loaded.position)
    uow.emit(event)
    return Deleted(broken_automations=[])
