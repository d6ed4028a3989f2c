"""The triggers that keep the terms of cards: their labels, and the values of their custom fields.

The table of terms follows from the cards in the database itself, so that each statement that writes cards also writes their terms,
such as those of imports, bulk changes and restores. Pages of lists read it instead of the cards that do not match.
"""
# ruff: noqa: S608 - the statements contain no input

from __future__ import annotations

from typing import Final

from stellary.core.db.base import build_trigger_function

TERM_VALUE_MAX: Final = 64
"""The number of characters of a value that are part of its term. Numbers have no terms."""

_SQLITE_TERMS = f"""
    SELECT label.value AS term FROM json_each({{card}}.label_ids) AS label
    UNION
    SELECT field.key || ':' || substr(element.value, 1, {TERM_VALUE_MAX}) FROM json_each({{card}}.custom_fields) AS field, json_each(CASE field.type
        WHEN 'array' THEN field.value
        WHEN 'text' THEN json_array(field.value)
        WHEN 'true' THEN '["true"]'
        WHEN 'false' THEN '["false"]'
        ELSE '[]'
    END) AS element"""
_POSTGRESQL_LABELS = "SELECT jsonb_array_elements_text({card}.label_ids::jsonb) AS term"
_POSTGRESQL_VALUES = f"""SELECT field.key || ':' || left(element.value, {TERM_VALUE_MAX}) AS term
    FROM jsonb_each({{card}}.custom_fields::jsonb) AS field, jsonb_array_elements_text(CASE jsonb_typeof(field.value)
        WHEN 'array' THEN field.value
        WHEN 'number' THEN '[]'
        ELSE jsonb_build_array(field.value)
    END) AS element"""

_INSERT = "INSERT INTO stellary_card_terms (term, card_id) SELECT term, NEW.id FROM ({terms}) AS terms"
_DELETE = "DELETE FROM stellary_card_terms WHERE card_id = OLD.id AND term IN ({terms})"
_EVENTS = {
    "insert": ("INSERT", "NEW.label_ids <> '[]' OR NEW.custom_fields <> '{}'"),
    "update": (
        "UPDATE OF label_ids, custom_fields",
        "NEW.label_ids <> OLD.label_ids OR NEW.custom_fields <> OLD.custom_fields",
    ),
    "delete": ("DELETE", "OLD.label_ids <> '[]' OR OLD.custom_fields <> '{}'"),
}


def _build_triggers(row: str, bodies: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER stellary_card_terms_{name} AFTER {event} ON stellary_cards {row}WHEN ({condition})\n{bodies[name]}"
        for name, (event, condition) in _EVENTS.items()
    )


def _build_for_sqlite() -> tuple[str, ...]:
    insert = _INSERT.format(terms=_SQLITE_TERMS.format(card="NEW"))
    delete = _DELETE.format(terms=_SQLITE_TERMS.format(card="OLD"))
    bodies = {"insert": f"{insert};", "update": f"{delete}; {insert};", "delete": f"{delete};"}
    return _build_triggers("", {name: f"BEGIN {body} END" for name, body in bodies.items()})


def _build_for_postgresql() -> tuple[str, ...]:
    # Separate statements take half the time of a union. They are on one line, since some tools that run a script of SQL
    # split it where a line ends with a semicolon.
    steps = [
        f"IF {card}.{column} <> '{empty}' THEN {statement.format(terms=terms.format(card=card))}{ending}; END IF;"
        for card, statement, ending in (("OLD", _DELETE, ""), ("NEW", _INSERT, " ON CONFLICT DO NOTHING"))
        for column, empty, terms in (
            ("label_ids", "[]", _POSTGRESQL_LABELS),
            ("custom_fields", "{}", _POSTGRESQL_VALUES),
        )
    ]
    function = build_trigger_function(
        "stellary_keep_card_terms",
        f"IF TG_OP <> 'INSERT' THEN {' '.join(steps[:2])} END IF; "
        f"IF TG_OP <> 'DELETE' THEN {' '.join(steps[2:])} END IF;",
    )
    body = "EXECUTE FUNCTION stellary_keep_card_terms()"
    return (function, *_build_triggers("FOR EACH ROW ", dict.fromkeys(_EVENTS, body)))


TRIGGERS: Final = {"sqlite": _build_for_sqlite(), "postgresql": _build_for_postgresql()}
"""The statements that create the triggers, by dialect. A change of them needs a migration that creates them again."""
