"""Declarations: the desired state of a project. Fields that are not given stay as they are; ``None`` clears a field.

Declaration(
    project=Project("Q1 Launch"),
    columns=[Column("To do"), Column("Done", card_status="done")],
    labels=[Label("Bug", color="#ef4444")],
    cards=[Card("Write the spec", labels=["Bug"])],
)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import attrs

from stellary.contract.automations import ACTIONS_MAX, ActionType, TriggerName
from stellary.contract.cards import LABELS_MAX, CardStatus, Estimate, Priority, Title
from stellary.contract.cards import Description as CardDescription
from stellary.contract.checklists import CHECKLIST_MAX, ItemTitle
from stellary.contract.columns import WipLimit
from stellary.contract.custom_fields import FieldType, Options
from stellary.contract.labels import Color, LabelName
from stellary.contract.limits import ID_PATTERN, EmailAddress, Items, Length, Name, Pattern
from stellary.contract.projects import EstimateUnit, ProjectDescription, ProjectKey
from stellary.contract.roles import OthersRole, ProjectRole, Visibility
from stellary.contract.scopes import ScopeDescription, ViewType
from stellary.contract.wire import UNSET, JsonObject, Unset, utc

ItemId = Annotated[str, Pattern(ID_PATTERN, "must be an id: 24 hexadecimal digits")]
CardKey = Annotated[
    str, Pattern(r"[A-Z]{2,6}-[1-9][0-9]{0,9}", "must be the key of a card such as LAUNCH-12")
]
CardReference = Annotated[str, Length(1, 500)]


class Declared:
    """The base class of all items that can be declared."""

    if TYPE_CHECKING:
        __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]

    short: ClassVar[str | None] = None
    """The field of the short form in files: ``- To do`` stands for ``- name: To do``."""


@attrs.frozen
class Project(Declared):
    """The project itself.

    Attributes:
        name: 1-100 characters. The project is looked up by it in its workspace, unless ``key`` is given.
        was: Its previous name, if it is to be renamed.
        key: The prefix of its cards' keys. Set when the project is created, and never changed.
        description: At most 5000 characters.
        member_role: The role of the members of the workspace who are not members of the project.
        visibility: ``private`` hides the project from all but its members, and the admins of the workspace.
        estimate_unit: The unit of its cards' estimates.
        template: The name or id of the template with which the project starts, if it does not exist yet.
    """

    short = "name"

    name: Name
    was: Name | Unset = UNSET
    key: ProjectKey | Unset = UNSET
    description: ProjectDescription | Unset | None = UNSET
    member_role: OthersRole | Unset = UNSET
    visibility: Visibility | Unset = UNSET
    estimate_unit: EstimateUnit | Unset = UNSET
    template: Name | Unset = UNSET


@attrs.frozen
class Column(Declared):
    """A column, identified by its name within its scope.

    Attributes:
        was: Its previous name, if it is to be renamed.
        id: Its id, if several have the same name.
        card_status: The status that a card gets when it enters the column.
        wip_limit: The greatest number of unarchived cards, 1 to 10 000.
    """

    short = "name"

    name: Name
    was: Name | Unset = UNSET
    id: ItemId | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@attrs.frozen
class Scope(Declared):
    """A work package, identified by its name within the project.

    Attributes:
        was: Its previous name, if it is to be renamed.
        id: Its id, if several have the same name.
        default: Whether it is the default scope, used where no scope is named. Every project has exactly one; in a new
            project it is the first scope unless one is marked.
        view: The view that the scope opens in, for everyone.
        views: Settings by view type; settings that are not given stay as they are.
        columns: The columns in their order.
    """

    short = "name"

    name: Name
    was: Name | Unset = UNSET
    id: ItemId | Unset = UNSET
    default: bool = False
    description: ScopeDescription | Unset | None = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    view: ViewType | Unset = UNSET
    views: dict[ViewType, dict[str, Any]] | Unset = UNSET
    columns: list[Column] | Unset = UNSET


@attrs.frozen
class Label(Declared):
    """A label, identified by its name regardless of case.

    Attributes:
        was: Its previous name, if it is to be renamed.
        color: ``#rrggbb``.
    """

    short = "name"

    name: LabelName
    was: LabelName | Unset = UNSET
    color: Color | Unset = UNSET


@attrs.frozen
class Field(Declared):
    """A custom field, identified by its name regardless of case.

    Attributes:
        was: Its previous name, if it is to be renamed.
        options: For ``select`` and ``multi-select``. Existing options that are not listed are kept unless you prune.
        required: Whether every new card needs a value, which cannot be cleared later.
    """

    name: Name
    type: FieldType
    was: Name | Unset = UNSET
    options: Options | Unset = UNSET
    required: bool | Unset = UNSET


@attrs.frozen
class Step(Declared):
    """A step of a card's checklist, identified by its title.

    Attributes:
        done: Whether it is checked off; stays as it is if not given.
    """

    short = "title"

    title: ItemTitle
    done: bool | Unset = UNSET


@attrs.frozen
class Card(Declared):
    """A card, identified by its title within the project.

    Attributes:
        was: Its previous title, if it is to be renamed.
        key: Its key, if several cards have the same title: ``LAUNCH-12``.
        scope: The name of the scope that ``column`` belongs to; the default scope if not given.
        column: The name of its column. Without one, a new card goes to the first column, and an existing one stays.
        assignee: A person with access to the workspace, by e-mail address or name.
        labels: The names of all its labels.
        fields: Values by custom field name; values that are not given stay as they are.
        checklist: The steps. Existing steps that are not listed are kept at the end unless you prune.
        archived: Whether it is archived, and so not on the board.
        recurrence: ``rule``, ``timeZone``, ``create`` and ``until`` as the API takes them; None ends the series. Of several cards
            with the title, the one that recurs is meant.
        parent: Its parent card, by title or key.
        blocks, related_to, duplicates: Other cards, by title or key.
    """

    short = "title"

    title: Title
    was: Title | Unset = UNSET
    key: CardKey | Unset = UNSET
    scope: Name | Unset = UNSET
    column: Name | Unset = UNSET
    description: CardDescription | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    estimate: Estimate | Unset | None = UNSET
    assignee: Annotated[str, Length(1, 254)] | Unset | None = UNSET
    labels: Annotated[list[LabelName], Items(0, LABELS_MAX)] | Unset = UNSET
    fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[Step], Items(0, CHECKLIST_MAX)] | Unset = UNSET
    archived: bool | Unset = UNSET
    recurrence: JsonObject | Unset | None = UNSET
    parent: CardReference | Unset | None = UNSET
    blocks: list[CardReference] | Unset = UNSET
    related_to: list[CardReference] | Unset = UNSET
    duplicates: list[CardReference] | Unset = UNSET


@attrs.frozen
class Action(Declared):
    """The action of an automation.

    Attributes:
        type: The name of a writing action: ``move_card``, ``add_comment`` …
        params: The parameters of the action. In place of a column's id, give ``{"column": "Done"}``; likewise ``label``,
            ``field``, ``scope``, ``card`` and ``member``. A column reference may name its ``scope`` too.
    """

    type: ActionType
    params: dict[str, Any] | Unset = UNSET


@attrs.frozen
class Automation(Declared):
    """An automation, identified by its name within the project.

    Attributes:
        was: Its previous name, if it is to be renamed.
        id: Its id, if several have the same name.
        action: The only action; required without ``actions``.
        actions: 1-10 actions, which run in this order: all of them or none.
        schedule: The schedule as the API takes it, with references in its ``cards``; required for the trigger ``schedule``.
        conditions: The conditions as the API takes them, with references as in ``Action.params``, and
            ``customFields.Severity`` for the value of a custom field; None to act always.
        enabled: Whether it is enabled; a new automation is by default.
    """

    name: Name
    trigger: TriggerName
    action: Action | Unset = UNSET
    was: Name | Unset = UNSET
    id: ItemId | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    enabled: bool | Unset = UNSET
    actions: Annotated[list[Action], Items(1, ACTIONS_MAX)] | Unset = UNSET
    schedule: dict[str, Any] | Unset = UNSET

    @property
    def named_actions(self) -> list[tuple[str, Action]]:
        """The actions in order, each after its path within the automation."""
        if self.actions is not UNSET:
            return [(f"actions[{index}]", action) for index, action in enumerate(self.actions)]
        return [] if self.action is UNSET else [("action", self.action)]

    @property
    def parts(self) -> list[tuple[str, Any]]:
        """The data that can refer to other items, each after its path within the automation."""
        params = [(f"{path}.params", action.params) for path, action in self.named_actions]
        return [("conditions", self.conditions), ("schedule", self.schedule), *params]


@attrs.frozen
class Member(Declared):
    """A member, by e-mail address.

    Attributes:
        role: The role in the project. A new member is a manager by default; that of an existing one stays.
    """

    short = "email"

    email: EmailAddress
    role: ProjectRole | Unset = UNSET


@attrs.frozen
class Declaration(Declared):
    """The desired state of a project. Kinds of items that are not given stay as they are, even if you prune.

    Attributes:
        columns: The columns of the default scope, unless ``scopes`` declares them.
        members: The members, each by the e-mail address, or as a ``Member`` with a role.
    """

    project: Project
    scopes: list[Scope] | Unset = UNSET
    columns: list[Column] | Unset = UNSET
    labels: list[Label] | Unset = UNSET
    fields: list[Field] | Unset = UNSET
    cards: list[Card] | Unset = UNSET
    automations: list[Automation] | Unset = UNSET
    members: list[EmailAddress | Member] | Unset = UNSET

    def list_members(self) -> list[Member]:
        """Return the declared members; none if they are not declared."""
        return [Member(member) if isinstance(member, str) else member for member in self.members or ()]


def as_dict(declared: Declared) -> dict[str, Any]:
    """Return an item as a file contains it: fields that are not given are left out, and short forms are used."""
    return {
        field.name: to_plain(value)
        for field in attrs.fields(type(declared))
        if (value := getattr(declared, field.name)) is not UNSET
        and (field.default is attrs.NOTHING or value != field.default)
    }


def to_plain(value: Any) -> Any:
    """Return a value of a declaration as JSON data."""
    if isinstance(value, Declared):
        fields = as_dict(value)
        return fields[value.short] if value.short and fields.keys() == {value.short} else fields
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_plain(item) for item in value]
    return format_date(value) if isinstance(value, date) else value


def format_date(value: date) -> str:
    """Return a date in ISO 8601; a moment that is midnight in UTC is written as its day."""
    if not isinstance(value, datetime):
        return value.isoformat()
    moment = utc(value)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")
