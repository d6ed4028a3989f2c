"""Declarations: what a project shall be. What is not named is left as it is; ``None`` clears.

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

from stellary.contract.automations import ActionType, Trigger
from stellary.contract.cards import LABELS_MAX, CardStatus, Priority, Title
from stellary.contract.cards import Description as CardDescription
from stellary.contract.checklists import CHECKLIST_MAX, ItemTitle
from stellary.contract.columns import WipLimit
from stellary.contract.custom_fields import FieldType, Options
from stellary.contract.labels import Color, LabelName
from stellary.contract.limits import ID_PATTERN, EmailAddress, Items, Length, Name, Pattern
from stellary.contract.projects import Description, ProjectKey
from stellary.contract.scopes import ScopeDescription, ViewType
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import utc

ThingId = Annotated[str, Pattern(ID_PATTERN, "must be an id: 24 hexadecimal digits")]
CardKey = Annotated[
    str, Pattern(r"[A-Z]{2,6}-[1-9][0-9]{0,9}", "must be the key of a card such as LAUNCH-12")
]
CardReference = Annotated[str, Length(1, 500)]


class Declared:
    """The base of what is declared."""

    if TYPE_CHECKING:
        __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]

    short: ClassVar[str | None] = None
    """The field that a file may name alone: ``- To do`` for ``- name: To do``."""


@attrs.frozen
class Project(Declared):
    """The project itself.

    Attributes:
        name: 1-100 characters; by it the project is found in its workspace, unless ``key`` says which one.
        was: What it was called before; then it is renamed.
        key: What its cards' keys begin with. It is given to a new project, and never changed.
        description: At most 5000 characters.
    """

    short: ClassVar[str | None] = "name"

    name: Name
    was: Name | Unset = UNSET
    key: ProjectKey | Unset = UNSET
    description: Description | Unset | None = UNSET


@attrs.frozen
class Column(Declared):
    """A column, found by its name in its scope.

    Attributes:
        was: What it was called before.
        id: Which one, where several have the same name.
        card_status: What a card becomes that enters.
        wip_limit: 1 to 10 000 unarchived cards.
    """

    short: ClassVar[str | None] = "name"

    name: Name
    was: Name | Unset = UNSET
    id: ThingId | Unset = UNSET
    card_status: CardStatus | Unset | None = UNSET
    wip_limit: WipLimit | Unset | None = UNSET


@attrs.frozen
class Scope(Declared):
    """A work package, found by its name in the project.

    Attributes:
        was: What it was called before.
        id: Which one, where several have the same name.
        default: Whether it is the one that takes what names no scope; each project has one. Of a new project the first
            one, if it is said of none.
        view: In which everybody finds it.
        views: What is remembered of its views, by their type; only the settings that are named.
        columns: In their order.
    """

    short: ClassVar[str | None] = "name"

    name: Name
    was: Name | Unset = UNSET
    id: ThingId | Unset = UNSET
    default: bool = False
    description: ScopeDescription | Unset | None = UNSET
    start_date: date | Unset | None = UNSET
    due_date: date | Unset | None = UNSET
    view: ViewType | Unset = UNSET
    views: dict[ViewType, dict[str, Any]] | Unset = UNSET
    columns: list[Column] | Unset = UNSET


@attrs.frozen
class Label(Declared):
    """A label, found by its name without regard to case.

    Attributes:
        was: What it was called before.
        color: ``#rrggbb``.
    """

    short: ClassVar[str | None] = "name"

    name: LabelName
    was: LabelName | Unset = UNSET
    color: Color | Unset = UNSET


@attrs.frozen
class Field(Declared):
    """A custom field, found by its name without regard to case.

    Attributes:
        was: What it was called before.
        options: For ``select`` and ``multi-select``. Those that are there and not named are kept, unless pruned.
        required: Whether every new card needs a value of it, which cannot be cleared.
    """

    name: Name
    type: FieldType
    was: Name | Unset = UNSET
    options: Options | Unset = UNSET
    required: bool | Unset = UNSET


@attrs.frozen
class Step(Declared):
    """A step of a card's checklist, found by its title.

    Attributes:
        done: Left as it is if not given.
    """

    short: ClassVar[str | None] = "title"

    title: ItemTitle
    done: bool | Unset = UNSET


@attrs.frozen
class Card(Declared):
    """A card, found by its title in the project.

    Attributes:
        was: The title that it had before.
        key: Which one, where several have the same title: ``LAUNCH-12``.
        scope: By its name; the default one if not given. It says where to look for ``column``.
        column: By its name. A new card that names none goes to the first one; one that is there stays where it is.
        assignee: Somebody who reaches the workspace, by e-mail address or name.
        labels: All that it shall have, by their names.
        fields: Values by the names of the custom fields; those that are not named are left as they are.
        checklist: Steps that are there and not named are kept at the end, unless pruned.
        archived: Whether it is taken from the board.
        parent: The card of which this one is a part, by its title, or by its key.
        blocks, related_to, duplicates: Other cards, likewise.
    """

    short: ClassVar[str | None] = "title"

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
    assignee: Annotated[str, Length(1, 254)] | Unset | None = UNSET
    labels: Annotated[list[LabelName], Items(0, LABELS_MAX)] | Unset = UNSET
    fields: dict[str, Any] | Unset = UNSET
    checklist: Annotated[list[Step], Items(0, CHECKLIST_MAX)] | Unset = UNSET
    archived: bool | Unset = UNSET
    parent: CardReference | Unset | None = UNSET
    blocks: list[CardReference] | Unset = UNSET
    related_to: list[CardReference] | Unset = UNSET
    duplicates: list[CardReference] | Unset = UNSET


@attrs.frozen
class Action(Declared):
    """What a rule does.

    Attributes:
        type: The name of an action that writes: ``move_card``, ``add_comment`` …
        params: As that action takes them. Where it takes an id, ``{"column": "Done"}`` stands for that of a column, and
            likewise ``label``, ``field``, ``scope``, ``card`` and ``member``; a column may name its ``scope`` as well.
    """

    type: ActionType
    params: dict[str, Any] | Unset = UNSET


@attrs.frozen
class Automation(Declared):
    """A rule, found by its name in the project.

    Attributes:
        was: What it was called before.
        id: Which one, where several have the same name.
        conditions: As the API takes them, with references as in ``Action.params``, and ``customFields.Severity`` for the
            value of a custom field; None for a rule that always acts.
        enabled: Whether it acts; a new one does if not given.
    """

    name: Name
    trigger: Trigger
    action: Action
    was: Name | Unset = UNSET
    id: ThingId | Unset = UNSET
    conditions: dict[str, Any] | Unset | None = UNSET
    enabled: bool | Unset = UNSET


@attrs.frozen
class Declaration(Declared):
    """A project as it shall be. A kind of thing that is not named is left as it is, even if it is pruned.

    Attributes:
        columns: Those of the default scope, where ``scopes`` does not name them.
        members: By e-mail address.
    """

    project: Project
    scopes: list[Scope] | Unset = UNSET
    columns: list[Column] | Unset = UNSET
    labels: list[Label] | Unset = UNSET
    fields: list[Field] | Unset = UNSET
    cards: list[Card] | Unset = UNSET
    automations: list[Automation] | Unset = UNSET
    members: list[EmailAddress] | Unset = UNSET


def as_dict(declared: Declared) -> dict[str, Any]:
    """What is declared as a file has it: without what is not named, and a thing that only has a name as that name."""
    return {
        field.name: _plain(each)
        for field in attrs.fields(type(declared))
        if (each := getattr(declared, field.name)) is not UNSET
        and (field.default is attrs.NOTHING or each != field.default)
    }


def _plain(found: Any) -> Any:
    if isinstance(found, Declared):
        said = as_dict(found)
        return said[found.short] if found.short and said.keys() == {found.short} else said
    if isinstance(found, Mapping):
        return {name: _plain(each) for name, each in found.items()}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [_plain(each) for each in found]
    return shown_date(found) if isinstance(found, date) else found


def shown_date(found: date) -> str:
    """A day, or a moment where it is not the midnight in UTC that a day means."""
    if not isinstance(found, datetime):
        return found.isoformat()
    moment = utc(found)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")
