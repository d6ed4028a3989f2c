"""Transfers of cards to other projects of the organization. Section Cards of the API reference."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import attrs
from sqlalchemy import BindParameter, Update, and_, bindparam, delete, insert, or_, select, update

from stellary.contract.cards import (
    CREATE_CARD,
    TRANSFER_CARD,
    TRANSFER_CARDS,
    Card,
    DroppedReference,
    Missing,
    TransferCard,
    TransferCards,
    TransferredCard,
    UpdateCard,
)
from stellary.contract.custom_fields import CreateCustomField, CustomField, UpdateCustomField
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import convert, replace_fields
from stellary.contract.labels import CreateLabel
from stellary.contract.refs import CardRef, ColumnRef, CustomFieldRef, ProjectRef, WorkspaceRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts import people
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.agent_users import find_assignable_agents
from stellary.core.accounts.locks import lock_workspace
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.rules import CallerRoles
from stellary.core.board import access
from stellary.core.board.cards import queue_numbers
from stellary.core.board.changes.card_moves import (
    IMMUTABLE,
    CardWithPosition,
    load_project_cards,
    lock_cards,
    write_cards,
)
from stellary.core.board.changes.card_references import check_references, share_lock_labels
from stellary.core.board.custom_fields import create_custom_field, update_custom_field
from stellary.core.board.labels import create_label, load_labels
from stellary.core.board.order import ordering
from stellary.core.board.order.locks import lock_columns, retry_transaction
from stellary.core.board.row_types import LoadedColumnRow
from stellary.core.board.rows.field_rows import load_share_locked_fields, project_fields
from stellary.core.board.rules import cards as rules
from stellary.core.board.rules import transfers as mapping
from stellary.core.board.rules.cards import EndPosition, LockedColumn
from stellary.core.board.rules.positions import GAP
from stellary.core.board.rules.references import unknown
from stellary.core.board.rules.transfers import MatchedReferences
from stellary.core.board.tables import columns, former_keys, projects, relations
from stellary.core.board.visibility import sees_project
from stellary.core.db.base import IdType, metadata
from stellary.core.kernel import trash
from stellary.core.kernel.events import CardTransferred, CardTransferredOut
from stellary.core.kernel.unit import UnitOfWork, check_restrictions, serves

_KEPT = tuple(name for name in IMMUTABLE if name not in ("project_id", "number"))
_IDS: BindParameter[str] = bindparam("_ids", expanding=True)
_PLACE = (
    select(columns.c.project_id, projects.c.workspace_id)
    .join_from(columns, projects, projects.c.id == columns.c.project_id)
    .where(columns.c.id == bindparam("_column_id"), sees_project(bindparam("_user_id", type_=IdType)))
)
_OUTER_RELATIONS = (
    select(relations.c.id)
    .where(
        or_(
            and_(relations.c.source_id.in_(_IDS), relations.c.target_id.not_in(_IDS)),
            and_(relations.c.target_id.in_(_IDS), relations.c.source_id.not_in(_IDS)),
        )
    )
    .limit(1)
)
_FORMER_HERE = and_(former_keys.c.project_id == bindparam("_project_id"), former_keys.c.card_id.in_(_IDS))
_FORMER = select(former_keys.c.card_id, former_keys.c.number).where(_FORMER_HERE)
_FORGET_FORMER = delete(former_keys).where(_FORMER_HERE)
_INSERT_FORMER = insert(former_keys)


@functools.cache
def build_updates(*, leaves_workspace: bool) -> list[Update]:
    """Build the statements that let rows follow a card: those of each table that names a card and its project.

    Args:
        leaves_workspace: Whether the other project is in another workspace. Rows of tables with ``of_workspace`` then stay.
    """
    updates = []
    for table in metadata.sorted_tables:
        if table is former_keys or not {"card_id", "project_id"} <= {*table.c.keys()}:
            continue
        values: dict[str, BindParameter[str]] = {"project_id": bindparam("_target_id")}
        if leaves_workspace and "workspace_id" in table.c:
            values["workspace_id"] = bindparam("_target_workspace_id")
        if not (leaves_workspace and table.info.get("of_workspace")):
            updates.append(update(table).where(table.c.card_id.in_(_IDS)).values(values))
    return updates


@serves(TRANSFER_CARD)
def transfer_card(uow: UnitOfWork, ref: CardRef, request: TransferCard) -> TransferredCard:
    """Move a card to the end of a column of another project."""
    loaded = access.card(uow, ref)
    uow.require_version(loaded.card.version)
    return move_cards(uow, ref.parent(ProjectRef), loaded.roles, [loaded.card], request)[0]


@serves(TRANSFER_CARDS)
def transfer_cards(uow: UnitOfWork, ref: ProjectRef, request: TransferCards) -> list[TransferredCard]:
    """Move cards to the end of a column of another project, in the order of the request."""
    loaded = access.project(uow, ref)
    cards_by_id = load_project_cards(uow, loaded.row.id, request.card_ids)
    cards = dict[str, Card]()
    for index, id in enumerate(request.card_ids):
        if id not in cards_by_id:
            raise unknown(f"cardIds[{index}]")
        if id in cards:
            raise invalid((f"cardIds[{index}]", "must be named once"))
        cards[id] = cards_by_id[id]
        uow.record_dependency("card", id, cards[id].version)
    return move_cards(uow, ref, loaded.roles, [*cards.values()], request)


def move_cards(
    uow: UnitOfWork,
    ref: ProjectRef,
    roles: CallerRoles,
    cards: Sequence[Card],
    request: TransferCard,
    restored: UpdateCard | None = None,
) -> list[TransferredCard]:
    """Move cards of a project to a column of another one.

    Labels and fields are locked first, then the other project, the columns of both projects, and the cards. All transfers lock
    rows in this order, so that two that cross do not wait for each other.

    Args:
        ref: The project of the cards.
        roles: The caller's roles in it.
        cards: The cards, which are not locked yet.
        request: The column, and what happens to missing labels and fields.
        restored: The former values of a single card, if its transfer is undone. Default: none.

    Raises:
        Invalid: The caller sees no such column in another project.
        Forbidden: The caller's role in the other project is not enough.
        Conflict: The other project lacks a label, a field or an option, or the column is full.
    """
    project, loaded = _load_target(uow, ref, roles, request.column_id)
    transfer = _Transfer(uow, ref, roles.workspace_id or "", project, loaded)
    return transfer.apply(cards, request, restored)


def _load_target(
    uow: UnitOfWork, ref: ProjectRef, roles: CallerRoles, column_id: str
) -> tuple[ProjectRef, Loaded[LoadedColumnRow]]:
    """Check access to the column that cards enter; return its project and its row."""
    parameters = {"_column_id": column_id, "_user_id": uow.principal_id}
    place = uow.connection.execute(_PLACE, parameters).first()
    if place is None:
        raise unknown("columnId")
    if place.project_id == ref.project_id:
        raise invalid(("columnId", "must be a column of another project"))
    is_here = place.workspace_id == roles.workspace_id
    workspace = ref.parent(WorkspaceRef) if is_here else workspace_ref(uow, place.workspace_id)
    project = workspace.child(ProjectRef, place.project_id)
    if project.org_slug != ref.org_slug:
        raise unknown("columnId")
    column = project.child(ColumnRef, column_id)
    try:
        loaded = access.column(uow, column)
    except NotFound:
        raise unknown("columnId") from None
    # A host that does not allow new cards in a project does not allow these either.
    check_restrictions(uow, CREATE_CARD, column)
    return project, loaded


@attrs.frozen
class _Transfer:
    """A transfer of cards from a project to a column of another one.

    Attributes:
        uow: The unit of work.
        source: The project that they leave.
        workspace_id: Its workspace.
        project: The project that they enter.
        loaded: The column that they enter, and the caller's roles there.
    """

    uow: UnitOfWork
    source: ProjectRef
    workspace_id: str
    project: ProjectRef
    loaded: Loaded[LoadedColumnRow]

    @property
    def new_workspace_id(self) -> str:
        return self.loaded.roles.workspace_id or ""

    def apply(
        self, cards: Sequence[Card], request: TransferCard, restored: UpdateCard | None
    ) -> list[TransferredCard]:
        """Move the cards, and return them with what they have lost."""
        uow, ids = self.uow, [card.id for card in cards]
        if self.new_workspace_id != self.workspace_id:
            # The lock keeps relations from being added. They connect cards of one workspace.
            lock_workspace(uow, self.source)
            if uow.connection.execute(_OUTER_RELATIONS, {"_ids": ids}).first() is not None:
                raise Conflict(
                    "a card with relations stays in its workspace: remove the relations first",
                    code="has_relations",
                )
        fields: Mapping[str, CustomField] = {}
        entering = [(replace_fields(card, custom_fields={}), list[DroppedReference]()) for card in cards]
        if restored is not None:
            fields = check_references(uow, self.new_workspace_id, self.project.project_id, [("", restored)])
        else:
            references = self._find_references(cards, request.missing)
            entering = [mapping.replace_references(card, references) for card in cards]
            if request.missing == "refuse":
                mapping.refuse_missing([item for _, dropped in entering for item in dropped])
        numbers = self._reserve_numbers(ids)
        locked, columns_by_id = self._lock(cards)
        column = columns_by_id.get(self.loaded.row.id)
        if column is None:
            raise unknown("columnId")
        orders = self._load_orders(cards)
        change = restored or UpdateCard()
        position = rules.find_target_position(cards[0], change) or EndPosition()
        point = ordering.find_insertion_point(uow, column, position, self.project.project_id)
        changes: list[tuple[Card, Card]] = []
        order = point.order
        for card, (entered, _) in zip(cards, entering, strict=True):
            after = rules.apply_update(entered, change, column, new_id=uow.new_id, now=uow.now, fields=fields)
            after = replace_fields(
                after,
                project_id=self.project.project_id,
                number=numbers[card.id],
                key=f"{self.loaded.row.project_key}-{numbers[card.id]}",
                order=None if card.archived else order,
                version=card.version + 1,
                updated_at=uow.now,
            )
            order += not card.archived
            changes.append((replace_fields(card, order=orders.get(card.id)), after))
        if order > point.order:
            count = point.order if restored is None else ordering.count_others(uow, column.id, cards[0].id)
            rules.check_room(column, count + order - point.order)
        self._write(changes, locked, columns_by_id, point)
        for before, after in changes:
            names = {"from_column": columns_by_id[before.column_id].name, "to_column": column.name}
            places = (
                {"workspace_id": self.workspace_id, "project_id": before.project_id},
                {"workspace_id": self.new_workspace_id, "project_id": after.project_id},
            )
            uow.emit(CardTransferredOut(**places[0], card=before))
            uow.emit(CardTransferred(**places[1], card=after, before=before, **names))
        return [
            convert(TransferredCard, after, dropped=dropped)
            for (_, after), (_, dropped) in zip(changes, entering, strict=True)
        ]

    def _find_references(self, cards: Sequence[Card], missing: Missing) -> MatchedReferences:
        """Return what replaces the references of the cards, and lock it; missing items are created if requested."""
        uow, workspace_id, project_id = self.uow, self.new_workspace_id, self.project.project_id
        assignee_ids = {card.assignee_id for card in cards if card.assignee_id}
        person_ids = people.queue_reaching(uow, workspace_id, assignee_ids, project_id)().keys()
        agent_ids = find_assignable_agents(uow, workspace_id, assignee_ids - person_ids)
        lost_ids = assignee_ids - person_ids - agent_ids
        names = {id: person.name for id, person in people.load_people(uow, lost_ids).items()}
        label_ids = self._find_labels({id for card in cards for id in card.label_ids}, missing, names)
        fields = self._find_fields(cards, missing, names)
        return MatchedReferences(label_ids, fields, person_ids | agent_ids, names)

    def _find_labels(self, ids: Collection[str], missing: Missing, names: dict[str, str]) -> dict[str, str]:
        if not ids:
            return {}
        ids_by_name = {label.name: label.id for label in load_labels(self.uow, self.project.project_id)}
        found: dict[str, str] = {}
        for label in load_labels(self.uow, self.source.project_id):
            if label.id not in ids:
                continue
            names[label.id] = label.name
            if label.name not in ids_by_name and missing == "create":
                request = CreateLabel(name=label.name, color=label.color)
                ids_by_name[label.name] = create_label(self.uow, self.project, request).id
            if label.name in ids_by_name:
                found[label.id] = ids_by_name[label.name]
        if share_lock_labels(self.uow, self.project.project_id, found.values()) < {*found.values()}:
            retry_transaction(self.uow)
        return found

    def _find_fields(
        self, cards: Sequence[Card], missing: Missing, names: dict[str, str]
    ) -> dict[str, CustomField]:
        options_by_id: dict[str, dict[str, None]] = defaultdict(dict)
        for card in cards:
            for id, value in card.custom_fields.items():
                options_by_id[id] |= dict.fromkeys(mapping.list_options(value))
        if not options_by_id:
            return {}
        uow, project = self.uow, self.project
        fields = {(field.name, field.type): field for field in project_fields(uow, project.project_id)}
        found: dict[str, str] = {}
        for field in project_fields(uow, self.source.project_id):
            if field.id not in options_by_id:
                continue
            names[field.id], key = field.name, (field.name, field.type)
            if missing == "create":
                fields[key] = self._complete_field(field, fields.get(key), options_by_id[field.id])
            if key in fields:
                found[field.id] = fields[key].id
        locked = load_share_locked_fields(uow, project.project_id, {*found.values()})
        if len(locked) < len(found):
            retry_transaction(uow)
        return {id: locked[found_id] for id, found_id in found.items()}

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
        ref = self.project.child(CustomFieldRef, existing.id)
        return update_custom_field(self.uow, ref, change)

    def _reserve_numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers that the cards get, by id: a card that returns to a project has its former number again."""
        parameters = {"_project_id": self.project.project_id, "_ids": ids}
        rows = self.uow.connection.execute(_FORMER, parameters)
        numbers: dict[str, int] = {row.card_id: row.number for row in rows}
        new_ids = [id for id in ids if id not in numbers]
        first, _ = queue_numbers(self.uow, self.project.project_id, len(new_ids))()
        return numbers | {id: first + index for index, id in enumerate(new_ids)}

    def _lock(self, cards: Sequence[Card]) -> tuple[Mapping[str, CardWithPosition], dict[str, LockedColumn]]:
        """Lock the columns that are left and entered, and the cards, which must not have changed."""
        needed = {self.source.project_id: {card.column_id for card in cards}}
        needed[self.project.project_id] = {self.loaded.row.id}
        locked_columns: dict[str, LockedColumn] = {}
        for project_id in sorted(needed):
            locked_columns |= lock_columns(self.uow, project_id, needed[project_id])
        locked = lock_cards(self.uow, self.source.project_id, [card.id for card in cards])
        if any(card.id not in locked or locked[card.id].card.version != card.version for card in cards):
            retry_transaction(self.uow)
        return locked, locked_columns

    def _load_orders(self, cards: Sequence[Card]) -> dict[str, int | None]:
        """Return the order of each card right before it leaves its column, if it is not archived."""
        if len(cards) == 1:
            return {id: card.order for id, card in access.read_cards(self.uow, [cards[0].id]).items()}
        column_ids = {card.column_id for card in cards}
        column_orders = ordering.load_column_orders(self.uow, self.source.project_id, column_ids)
        orders: dict[str, int | None] = {}
        for card in cards:
            if not card.archived:
                orders[card.id] = column_orders[card.column_id].order_of(card.id)
                column_orders[card.column_id].remove(card.id)
        return orders

    def _write(
        self,
        changes: Sequence[tuple[Card, Card]],
        locked: Mapping[str, CardWithPosition],
        columns_by_id: Mapping[str, LockedColumn],
        point: ordering.InsertionPoint,
    ) -> None:
        uow, ids = self.uow, [card.id for card, _ in changes]
        project_id, leaves_workspace = self.project.project_id, self.new_workspace_id != self.workspace_id
        positions = [point.position + GAP * index for index in range(len(changes))]
        write_cards(
            uow, [(after, position) for (_, after), position in zip(changes, positions, strict=True)], _KEPT
        )
        uow.connection.execute(_FORGET_FORMER, {"_project_id": project_id, "_ids": ids})
        uow.connection.execute(
            _INSERT_FORMER,
            [
                {"project_id": card.project_id, "number": card.number, "card_id": card.id}
                for card, _ in changes
            ],
        )
        place = {"_target_id": project_id, "_target_workspace_id": self.new_workspace_id}
        for statement in build_updates(leaves_workspace=leaves_workspace):
            uow.connection.execute(statement, {**place, "_ids": ids})
        keys = {before.key: after.key for before, after in changes}
        trash.move_entries(uow, self.source.project_id, keys, self.new_workspace_id, project_id)
        entered, card = columns_by_id[self.loaded.row.id], changes[0][0]
        if len(changes) > 1:
            for column in columns_by_id.values():
                ordering.index_changes(uow, column, point.order + len(changes) if column is entered else 0)
        elif not card.archived:
            ordering.index_removal(uow, columns_by_id[card.column_id], locked[card.id].position)
            ordering.index_insertion(uow, entered, point)
