"""Transfers of cards to other projects of the organization. Section Cards of the API reference."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Sequence

import attrs
from sqlalchemy import Select, Update, and_, bindparam, delete, insert, or_, select, update

from stellary.contract import cards as contract
from stellary.contract import columns as column_contract
from stellary.contract.cards import BULK_MAX, Card, DroppedReference, Missing, TransferredCard, UpdateCard
from stellary.contract.custom_fields import CreateCustomField, CustomField, UpdateCustomField
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import convert, replace_fields
from stellary.contract.labels import CreateLabel
from stellary.contract.refs import CardRef, ColumnRef, CustomFieldRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, invalid
from stellary.core.accounts import people
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board import access
from stellary.core.board.cards import queue_numbers
from stellary.core.board.changes import card_moves
from stellary.core.board.changes.card_references import check_references, find_assignable, share_lock_labels
from stellary.core.board.columns import create_column, delete_column, update_column
from stellary.core.board.custom_fields import create_custom_field, update_custom_field
from stellary.core.board.labels import create_label, load_labels
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import lock_columns, retry_transaction
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.row_types import LoadedColumnRow
from stellary.core.board.rows.field_rows import project_fields, queue_fields
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules import transfers as mapping
from stellary.core.board.rules.positions import GAP
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, former_keys, projects, relations, scopes
from stellary.core.board.visibility import sees_project
from stellary.core.db.base import IdType, is_among, is_given, metadata
from stellary.core.kernel import trash
from stellary.core.kernel.events import CardTransferred, CardTransferredOut
from stellary.core.kernel.unit import UnitOfWork, check_restrictions, serves

_IMMUTABLE = tuple(name for name in card_moves.IMMUTABLE if name not in ("project_id", "number"))
_PLACE = select(projects.c.id.label("project_id"), projects.c.workspace_id).where(
    sees_project(bindparam("_user_id", type_=IdType))
)
PROJECT_PLACE = _PLACE.where(is_given(projects.c.id))
_COLUMN_PLACE, SCOPE_PLACE = (
    _PLACE.join(table, projects.c.id == table.c.project_id).where(is_given(table.c.id))
    for table in (columns, scopes)
)
_CARDS = (
    select(cards.c.id)
    .where(is_given(cards.c.column_id))
    .order_by(cards.c.archived, cards.c.position, cards.c.id)
    .limit(BULK_MAX + 1)
)
_ENDS = [is_among(end, "ids") for end in (relations.c.source_id, relations.c.target_id)]
_OUTER_RELATIONS = select(relations.c.id).where(or_(*_ENDS), _ENDS[0] != _ENDS[1])
_FORMER_HERE = and_(is_given(former_keys.c.project_id), is_among(former_keys.c.card_id, "ids"))
_FORMER = select(former_keys.c.card_id, former_keys.c.number).where(_FORMER_HERE)
_FORGET_FORMER = delete(former_keys).where(_FORMER_HERE)
_INSERT_FORMER = insert(former_keys)
_UNITS = select(projects.c.id, projects.c.estimate_unit).where(is_among(projects.c.id))
_PLACE_COLUMNS = ("workspace_id", "project_id")


@functools.cache
def build_updates(*, leaves_workspace: bool) -> list[Update]:
    """Build the statements that let rows follow a card: those of each table that names a card and its project.

    Args:
        leaves_workspace: Whether the other project is in another workspace. Then rows that refer to these and name the workspace
            follow as well, but not those of tables with ``of_workspace``.
    """
    following = {
        table: is_among(table.c.card_id, "ids")
        for table in metadata.sorted_tables
        if {"card_id", "project_id"} <= {*table.c.keys()}
        and table is not former_keys
        and not (leaves_workspace and table.info.get("of_workspace"))
    }
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    for key in keys if leaves_workspace else ():
        condition, table = following.get(key.column.table), key.parent.table
        if condition is not None and "workspace_id" in table.c and table not in following:
            following[table] = key.parent.in_(select(key.column).where(condition))
    return [
        update(table)
        .where(condition)
        .values({name: bindparam(f"_{name}") for name in _PLACE_COLUMNS if name in table.c})
        for table, condition in following.items()
    ]


@serves(contract.TRANSFER_CARD)
def transfer_card(uow: UnitOfWork, ref: CardRef, request: contract.TransferCard) -> TransferredCard:
    """Move a card to the end of a column of another project."""
    loaded = access.card(uow, ref)
    uow.require_version(loaded.card.version)
    return move_cards(uow, ref.parent(ProjectRef), loaded.roles, [loaded.card], request)[0]


@serves(contract.TRANSFER_CARDS)
def transfer_cards(
    uow: UnitOfWork, ref: ProjectRef, request: contract.TransferCards
) -> list[TransferredCard]:
    """Move cards to the end of a column of another project, in the order of the request."""
    loaded = access.project(uow, ref)
    current_cards = load_current_cards(uow.connection, loaded.row.workspace_id, request.card_ids)
    cards_by_id = {id: card for id, card in current_cards.items() if card.project_id == loaded.row.id}
    column_ids = {card.column_id for card in cards_by_id.values()}
    orders = ordering.load_column_orders(uow, loaded.row.id, column_ids)
    cards = dict[str, Card]()
    for index, id in enumerate(request.card_ids):
        if id not in cards_by_id:
            raise unknown(f"cardIds[{index}]")
        if id in cards:
            raise invalid((f"cardIds[{index}]", "must be named once"))
        card = cards_by_id[id]
        uow.record_dependency("card", id, card.version)
        cards[id] = replace_fields(card, order=orders[card.column_id].order_of(id))
        if not card.archived:
            orders[card.column_id].remove(id)
    return move_cards(uow, ref, loaded.roles, [*cards.values()], request)


def move_cards(
    uow: UnitOfWork,
    ref: ProjectRef,
    roles: CallerRoles,
    cards: Sequence[Card],
    request: contract.TransferCard,
    restored: UpdateCard | None = None,
) -> list[TransferredCard]:
    """Move cards of a project to a column of another one.

    Labels and fields are locked first, then the other project, the columns of both projects, and the cards. All transfers lock
    rows in this order, so that two that cross do not wait for each other.

    Args:
        ref: The project of the cards.
        roles: The caller's roles in it.
        cards: The cards, which are not locked yet, each with its order right before it leaves its column.
        request: The column, and what happens to missing labels and fields.
        restored: The former values of a single card, if its transfer is undone. Default: none.

    Raises:
        Invalid: The caller sees no such column in another project.
        Forbidden: The caller's role in the other project is not enough.
        Conflict: The other project lacks a label, a field or an option, or the column is full.
    """
    project, workspace_id = find_project(uow, ref, roles, "columnId", _COLUMN_PLACE, request.column_id)
    column = project.child(ColumnRef, request.column_id)
    try:
        loaded = access.column(uow, column)
    except NotFound:
        raise unknown("columnId") from None
    # A host that does not allow new cards in a project does not allow these either.
    check_restrictions(uow, contract.CREATE_CARD, column)
    transfer = _Transfer(uow, ref, roles.workspace_id, project, workspace_id, loaded)
    transfer.check_relations([card.id for card in cards])
    return transfer.apply(cards, request.missing, restored)


@serves(column_contract.TRANSFER_COLUMN)
def transfer_column(
    uow: UnitOfWork, ref: ColumnRef, request: column_contract.TransferColumn
) -> column_contract.TransferredColumn:
    """Move a column with its cards: into a new column of the other project. The former one goes to the trash."""
    loaded = access.column(uow, ref)
    former_project = ref.parent(ProjectRef)
    project, _ = find_project(uow, former_project, loaded.roles, "scopeId", SCOPE_PLACE, request.scope_id)
    try:
        column = create_column(
            uow, project, column_contract.CreateColumn(name=loaded.row.name, scope_id=request.scope_id)
        )
    except NotFound:
        raise unknown("scopeId") from None
    locked_columns = lock_columns(uow, former_project.project_id, [ref.column_id])
    source = access.require_row(locked_columns.get(ref.column_id), "Column")
    card_ids = list(uow.connection.execute(_CARDS, {"_column_id": source.id}).scalars())
    if len(card_ids) > BULK_MAX:
        raise Conflict(f"the column has more than {BULK_MAX} cards", code="too_many_cards")
    moved: list[TransferredCard] = []
    if card_ids:
        move = contract.TransferCards(column_id=column.id, missing=request.missing, card_ids=card_ids)
        moved = transfer_cards(uow, former_project, move)
    # Last, so that the cards keep their status, and may exceed the limit as before.
    settings = convert(column_contract.UpdateColumn, source, order=UNSET)
    after = update_column(uow, project.child(ColumnRef, column.id), settings)
    delete_column(uow, ref, column_contract.DeleteColumn())
    dropped = [*dict.fromkeys(item for card in moved for item in card.dropped)]
    return convert(column_contract.TransferredColumn, after, dropped=dropped, broken_automations=[])


def find_project(
    uow: UnitOfWork, ref: WorkspaceRef, roles: CallerRoles, field: str, query: Select[str, str], id: str
) -> tuple[ProjectRef, str]:
    """Return the other project in which an item is, and the id of its workspace.

    Args:
        ref: The project that is left; a workspace or document if any project will do.
        roles: The caller's roles in the workspace.
        field: The field of the request, for the message of an error.
        query: The statement for the project of the item.
        id: The item.

    Raises:
        Invalid: The caller sees no such item in another project of the organization.
    """
    place = uow.connection.execute(query, {"_id": id, "_user_id": uow.principal_id}).first()
    if place is None:
        raise unknown(field)
    if isinstance(ref, ProjectRef) and place.project_id == ref.project_id:
        raise invalid((field, "must be in another project"))
    is_here = place.workspace_id == roles.workspace_id
    workspace = ref.parent(WorkspaceRef) if is_here else workspace_ref(uow, place.workspace_id)
    if workspace.org_slug != ref.org_slug:
        raise unknown(field)
    return workspace.child(ProjectRef, place.project_id), place.workspace_id


@attrs.frozen
class _Transfer:
    """A transfer of cards from a project to a column of another one.

    Attributes:
        uow: The unit of work.
        source: The project that they leave.
        workspace_id: Its workspace.
        project: The project that they enter.
        new_workspace_id: Its workspace.
        loaded: The column that they enter.
    """

    uow: UnitOfWork
    source: ProjectRef
    workspace_id: str
    project: ProjectRef
    new_workspace_id: str
    loaded: Loaded[LoadedColumnRow]

    def apply(
        self, cards: Sequence[Card], missing: Missing, restored: UpdateCard | None
    ) -> list[TransferredCard]:
        """Move the cards, and return them with what they have lost."""
        uow, fields = self.uow, dict[str, CustomField]()
        if restored is None:
            entering = self._replace_references(cards, missing)
        else:
            fields = check_references(uow, self.new_workspace_id, self.project.project_id, [("", restored)])
            entering = [(replace_fields(card, custom_fields={}), []) for card in cards]
        numbers = self._reserve_numbers([card.id for card in cards])
        columns_by_id, positions = self._lock(cards)
        entered_column = columns_by_id.get(self.loaded.row.id)
        if entered_column is None:
            raise unknown("columnId")
        change = restored or UpdateCard()
        series_column_id = change.recurrence.column_id if change.recurrence else entered_column.id
        # The series goes on; only its column is another one.
        change = convert(UpdateCard, change, recurrence=UNSET)
        target = rules.find_target_position(cards[0], change) or rules.EndPosition()
        point = ordering.find_insertion_point(uow, entered_column, target, self.project.project_id)
        order, key = point.order, self.loaded.row.project_key
        afters: list[Card] = []
        for before, (entered, _) in zip(cards, entering, strict=True):
            after = rules.apply_update(uow, entered, change, entered_column, fields=fields)
            number = numbers[before.id]
            moved: dict[str, object] = {
                "project_id": self.project.project_id,
                "number": number,
                "key": f"{key}-{number}",
            }
            if after.recurrence is not None:
                moved["recurrence"] = replace_fields(after.recurrence, column_id=series_column_id)
            after = replace_fields(after, **moved, version=before.version + 1, updated_at=uow.now)
            afters.append(replace_fields(after, order=None if before.archived else order))
            order += not before.archived
        if order > point.order:
            count = point.order if restored is None else ordering.count_others(uow, entered_column.id, "")
            rules.check_room(entered_column, count + order - point.order)
        self._write(cards, afters, point)
        if len(cards) > 1:
            for column in columns_by_id.values():
                ordering.index_changes(uow, column, order if column is entered_column else 0)
        elif not cards[0].archived:
            ordering.index_removal(uow, columns_by_id[cards[0].column_id], positions[cards[0].id])
            ordering.index_insertion(uow, entered_column, point)
        for before, after in zip(cards, afters, strict=True):
            here = {"workspace_id": self.workspace_id, "project_id": before.project_id}
            there = {"workspace_id": self.new_workspace_id, "project_id": after.project_id}
            names = {"from_column": columns_by_id[before.column_id].name, "to_column": entered_column.name}
            uow.emit(CardTransferredOut(**here, card=before))
            uow.emit(CardTransferred(**there, **names, card=after, before=before))
        dropped_by_card = [dropped for _, dropped in entering]
        return [
            convert(TransferredCard, after, dropped=dropped)
            for after, dropped in zip(afters, dropped_by_card, strict=True)
        ]

    def check_relations(self, ids: Sequence[str]) -> None:
        """Check that no relation would connect cards of two workspaces, and keep new ones from being added.

        Raises:
            Conflict: A card has a relation with one that stays.
        """
        if self.new_workspace_id != self.workspace_id:
            lock_workspace(self.uow, self.source)
            if self.uow.connection.execute(_OUTER_RELATIONS, {"_ids": ids}).first() is not None:
                message = "a card with relations stays in its workspace: remove the relations first"
                raise Conflict(message, code="has_relations")

    def _replace_references(
        self, cards: Sequence[Card], missing: Missing
    ) -> list[tuple[Card, list[DroppedReference]]]:
        """Return the cards with the references that they have in the project, which are locked, and what is missing."""
        uow, workspace_id = self.uow, self.new_workspace_id
        people_ids = {card.assignee_id for card in cards if card.assignee_id}
        assignable_ids = find_assignable(uow, workspace_id, people_ids, self.project.project_id)
        names = {
            id: person.name for id, person in people.load_people(uow, people_ids - assignable_ids).items()
        }
        label_ids = self._find_labels({id for card in cards for id in card.label_ids}, missing, names)
        fields = self._find_fields(cards, missing, names)
        lost_unit = None
        if any(card.estimate is not None for card in cards):
            ids = [self.source.project_id, self.project.project_id]
            units = {row.id: row.estimate_unit for row in uow.connection.execute(_UNITS, {"_ids": ids})}
            lost_unit = None if units[ids[0]] == units[ids[1]] else units[ids[0]]
        references = mapping.MatchedReferences(label_ids, fields, assignable_ids, lost_unit, names)
        entering = [mapping.replace_references(card, references) for card in cards]
        if missing != "drop":
            mapping.refuse_missing([item for _, dropped in entering for item in dropped])
        return entering

    def _find_labels(self, ids: Collection[str], missing: Missing, names: dict[str, str]) -> dict[str, str]:
        if not ids:
            return {}
        uow, project = self.uow, self.project
        labels = [label for label in load_labels(uow, self.source.project_id) if label.id in ids]
        names |= {label.id: label.name for label in labels}
        ids_by_name = {label.name: label.id for label in load_labels(uow, project.project_id)}
        for label in labels if missing == "create" else ():
            if label.name not in ids_by_name:
                request = CreateLabel(name=label.name, color=label.color)
                ids_by_name[label.name] = create_label(uow, project, request).id
        new_ids = {label.id: ids_by_name[label.name] for label in labels if label.name in ids_by_name}
        if share_lock_labels(uow, project.project_id, new_ids.values()) < {*new_ids.values()}:
            retry_transaction(uow)
        return new_ids

    def _find_fields(
        self, cards: Sequence[Card], missing: Missing, names: dict[str, str]
    ) -> dict[str, CustomField]:
        options_by_id: dict[str, set[str]] = defaultdict(set)
        for id, value in (item for card in cards for item in card.custom_fields.items()):
            options_by_id[id].update(mapping.list_options(value))
        if not options_by_id:
            return {}
        uow, project_id = self.uow, self.project.project_id
        fields = [field for field in project_fields(uow, self.source.project_id) if field.id in options_by_id]
        names |= {field.id: field.name for field in fields}
        existing = {(field.name, field.type): field for field in project_fields(uow, project_id)}
        for field in fields if missing == "create" else ():
            key = field.name, field.type
            existing[key] = self._complete_field(field, existing.get(key), options_by_id[field.id])
        keys = {field.id: (field.name, field.type) for field in fields}
        new_ids = {id: existing[key].id for id, key in keys.items() if key in existing}
        locked = queue_fields(uow, project_id, new_ids.values(), is_locked=True)()
        if len(locked) < len(new_ids):
            retry_transaction(uow)
        return {id: locked[new_id] for id, new_id in new_ids.items()}

    def _complete_field(
        self, field: CustomField, existing: CustomField | None, needed: Collection[str]
    ) -> CustomField:
        """Create a field of the other project like one of this project, or add the options that it lacks."""
        if existing is None:
            request = CreateCustomField(name=field.name, type=field.type, options=field.options or UNSET)
            return create_custom_field(self.uow, self.project, request)
        options = [option for option in field.options if option in needed and option not in existing.options]
        if not options:
            return existing
        change = UpdateCustomField(options=[*existing.options, *options])
        return update_custom_field(self.uow, self.project.child(CustomFieldRef, existing.id), change)

    def _reserve_numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers that the cards get, by id: a card that returns to a project has its former number again."""
        rows = self.uow.connection.execute(_FORMER, {"_project_id": self.project.project_id, "_ids": ids})
        numbers: dict[str, int] = {row.card_id: row.number for row in rows}
        new_ids = [id for id in ids if id not in numbers]
        first, _ = queue_numbers(self.uow, self.project.project_id, len(new_ids))()
        return numbers | {id: first + index for index, id in enumerate(new_ids)}

    def _lock(self, cards: Sequence[Card]) -> tuple[dict[str, rules.LockedColumn], dict[str, int]]:
        """Lock the columns and the cards, which must not have changed; return the columns, and the cards' positions."""
        column_ids = {self.source.project_id: {card.column_id for card in cards}}
        column_ids[self.project.project_id] = {self.loaded.row.id}
        columns_by_id: dict[str, rules.LockedColumn] = {}
        for project_id in sorted(column_ids):
            columns_by_id |= lock_columns(self.uow, project_id, column_ids[project_id])
        locked = card_moves.lock_cards(self.uow, self.source.project_id, [card.id for card in cards])
        if {id: item.card.version for id, item in locked.items()} != {
            card.id: card.version for card in cards
        }:
            retry_transaction(self.uow)
        return columns_by_id, {id: item.position for id, item in locked.items()}

    def _write(self, befores: Sequence[Card], afters: Sequence[Card], point: ordering.InsertionPoint) -> None:
        """Write the cards, their former keys, and all rows that follow them."""
        uow, ids = self.uow, [card.id for card in befores]
        place = {"_project_id": self.project.project_id, "_workspace_id": self.new_workspace_id}
        moved = [(after, point.position + GAP * index) for index, after in enumerate(afters)]
        card_moves.write_cards(uow, moved, _IMMUTABLE)
        uow.connection.execute(_FORGET_FORMER, {"_project_id": self.project.project_id, "_ids": ids})
        former = [
            {"project_id": card.project_id, "number": card.number, "card_id": card.id} for card in befores
        ]
        uow.connection.execute(_INSERT_FORMER, former)
        for statement in build_updates(leaves_workspace=self.new_workspace_id != self.workspace_id):
            uow.connection.execute(statement, {**place, "_ids": ids})
        keys = {before.key: after.key for before, after in zip(befores, afters, strict=True)}
        trash.move_entries(uow, self.source.project_id, keys, place)
