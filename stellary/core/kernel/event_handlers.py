"""The functions that a host registers for events: within the transaction of a change, or as jobs after its commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, TypeVar, cast, get_args, get_origin

import attrs
import orjson

from stellary.contract.naming import once
from stellary.contract.wire import Value, dump, read
from stellary.core.kernel import events

E = TypeVar("E", bound=events.BaseEvent)
T = TypeVar("T")

NESTED_MAX = 10
"""How deep handlers may trigger each other by their changes."""
INTERNAL_EVENTS = (
    events.ActivitiesRecorded,
    events.AddressReleased,
    events.CardsImported,
    events.DocumentRevised,
    events.DocumentWritten,
    events.TriggerFired,
)
"""Events that repeat others in another form, or that the host itself causes. Handlers do not receive them."""


class EventHandlers:
    """The handlers of a core by type of event. A handler also receives the events of all subclasses of its type."""

    def __init__(self) -> None:
        self._handlers: list[tuple[type[events.BaseEvent], Callable[..., object]]] = []
        self._by_type: dict[type[events.BaseEvent], tuple[Callable[..., object], ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def add(self, event_type: type[events.BaseEvent], handler: Callable[..., object]) -> None:
        """Add a handler, which is called with the unit and the event.

        Args:
            event_type: The class of the events; its subclasses are included.
            handler: The function to call, in the transaction of the change.

        Raises:
            TypeError: The events of this type are internal.
        """
        if issubclass(event_type, INTERNAL_EVENTS):
            raise TypeError(f"handlers do not receive {event_type.__name__}")
        self._handlers.append((event_type, handler))
        self._by_type.clear()

    def find(self, event_type: type[events.BaseEvent]) -> tuple[Callable[..., object], ...]:
        """Return the handlers of a type of event, in the order in which they were added."""
        handlers = self._by_type.get(event_type)
        if handlers is None:
            handlers = ()
            if not issubclass(event_type, INTERNAL_EVENTS):
                handlers = tuple(do for kind, do in self._handlers if issubclass(event_type, kind))
            self._by_type[event_type] = handlers
        return handlers


@attrs.frozen
class EventDelivery(Generic[E]):
    """A committed event, as a handler of ``Core.after`` receives it.

    Attributes:
        id: The id of the delivery, the same at each attempt. Use it to recognize repetitions.
        event: The event, with the values that it had when it was emitted.
        actor_id: The id of the user or agent that the change is attributed to; None for a change of the system.
        occurred_at: The time of the change, in UTC.
    """

    id: str
    event: E
    actor_id: str | None
    occurred_at: datetime


def dump_delivery(delivery: EventDelivery[events.BaseEvent]) -> object:
    """Return the delivery of an event as JSON, for the job that carries it."""
    fields = {
        field.name: _dump_field(field.type, getattr(delivery.event, field.name))
        for field in _stored_fields(type(delivery.event))
    }
    stored: object = orjson.loads(
        dump(
            {
                "id": delivery.id,
                "type": type(delivery.event).__name__,
                "fields": fields,
                "actor_id": delivery.actor_id,
                "occurred_at": delivery.occurred_at,
            }
        )
    )
    return stored


def read_delivery(payload: object, base: type[events.BaseEvent]) -> EventDelivery[events.BaseEvent]:
    """Return the delivery that ``dump_delivery`` has converted to JSON.

    Args:
        payload: The JSON.
        base: The type of the event, or one of which it is a subclass.

    Raises:
        LookupError: There is no such type any more.
    """
    stored = cast("Mapping[str, object]", payload)
    name = cast("str", stored["type"])
    event_type = _find_subclass(base, events.RENAMED.get(name, name))
    fields = cast("Mapping[str, object]", stored["fields"])
    event = event_type(
        **{field.name: _read_field(field.type, fields[field.name]) for field in _stored_fields(event_type)}
    )
    return EventDelivery(
        id=cast("str", stored["id"]),
        event=event,
        actor_id=cast("str | None", stored["actor_id"]),
        occurred_at=read(datetime, stored["occurred_at"]),
    )


def _dump_field(kind: object, value: object) -> object:
    if value is not None and _has_any_class(kind):
        return {"class": type(value).__name__, "value": value}
    return value


def _has_any_class(kind: object) -> bool:
    """Return whether a field contains a value whose class only the value itself tells, such as a project or a label."""
    return kind is Value or Value in get_args(kind)


def _read_field(kind: object, stored: object) -> object:
    if stored is not None and _has_any_class(kind):
        tagged = cast("Mapping[str, object]", stored)
        return read(_find_subclass(Value, cast("str", tagged["class"])), tagged["value"])
    if get_origin(kind) is tuple:
        return tuple(cast("list[object]", stored))
    return None if stored is None else read(cast("type[object]", kind), stored)


@once
def _stored_fields(event_type: type[events.BaseEvent]) -> list[attrs.Attribute[object]]:
    """Return the fields of a type of event, with their types, without the cause."""
    return [field for field in attrs.fields(attrs.resolve_types(event_type)) if field.init]


def _find_subclass(base: type[T], name: str) -> type[T]:
    """Return a class itself or the subclass that has a name.

    Raises:
        LookupError: There is no such class any more.
    """
    candidates = [base]
    for candidate in candidates:
        # attrs replaces a class by one with slots; the class without fields lives on as a subclass until it is collected.
        if candidate.__name__ == name and "__attrs_attrs__" in candidate.__dict__:
            return candidate
        candidates += candidate.__subclasses__()
    raise LookupError(f"the stored class {name!r} does not exist any more")
