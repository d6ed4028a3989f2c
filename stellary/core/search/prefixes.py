"""The prefixes of words by which the index is read, as numbers, and the triggers that keep their table.

A word has two prefixes, of 4 and of 7 characters; a shorter word is a prefix as a whole. So an index finds the items that have a word
which begins with a text of 4 or more characters, and those that have a short word.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

import attrs

from stellary.core.db.base import build_trigger_function

SHORT, LONG = 4, 7
"""The numbers of characters of the prefixes."""
STREAMS_MAX = 12
"""The maximum number of prefixes that are compared to choose one."""


@attrs.frozen
class Prefix:
    """A prefix by which a search can read the index.

    Attributes:
        text: The characters of the prefix.
        is_complete: Whether each item that has the searched words, or words that begin with them, has it.
    """

    text: str
    is_complete: bool

    @property
    def pattern(self) -> str:
        """The LIKE pattern of the texts that have it."""
        return f"% {self.text}%" if len(self.text) in (SHORT, LONG) else f"% {self.text} %"


def find_prefixes(terms: Sequence[str]) -> list[Prefix]:
    """Return the prefixes by which a search can read the index, the longest first.

    Args:
        terms: The folded terms of the query: words and phrases.
    """
    by_text: dict[str, Prefix] = {}
    for term in terms:
        words = term.split()
        for position, word in enumerate(words):
            # Only the last word of a phrase can be the beginning of a longer word.
            is_last = position == len(words) - 1
            if len(word) >= LONG:
                prefixes = [Prefix(word[:LONG], is_complete=True)]
            elif len(word) > SHORT:
                prefixes = [
                    Prefix(word, is_complete=not is_last),
                    Prefix(word[:SHORT], is_complete=True),
                ]
            else:
                prefixes = [Prefix(word, is_complete=len(word) == SHORT or not is_last)]
            for prefix in prefixes:
                if prefix.text not in by_text or prefix.is_complete:
                    by_text[prefix.text] = prefix
    return sorted(by_text.values(), key=lambda prefix: -len(prefix.text))[:STREAMS_MAX]


def number_prefix(container_id: str, prefix: str) -> int:
    """Return the number of a prefix. Prefixes with the same number are rare, and told apart by the texts.

    Args:
        container_id: The workspace in which the item is found, or the organization.
        prefix: The characters of the prefix.
    """
    return crc32(prefix.encode(), crc32(container_id.encode()))


def write_prefixes(container_ids: Iterable[str], title: str, body: str) -> str:
    """Return the numbers of the prefixes of an item's words, separated by commas.

    Args:
        container_ids: The workspace in which the item is found, and the organization in whose workspaces it is found.
        title: The folded title.
        body: The folded text.
    """
    words = {*title.split(), *body.split()}
    texts = {prefix for word in words for prefix in (word[:SHORT], word[:LONG])}
    numbers = {number_prefix(container_id, prefix) for container_id in container_ids for prefix in texts}
    return ",".join(map(str, sorted(numbers)))


_SQLITE_NUMBERS = "SELECT value FROM json_each('[' || {entry}.prefixes || ']')"
_POSTGRESQL_NUMBERS = "SELECT unnest(string_to_array({entry}.prefixes, ',')::bigint[])"
_INSERT = "INSERT {ignore}INTO stellary_search_prefixes (prefix, entry_id) SELECT numbers.value, NEW.id FROM ({numbers}) AS numbers"
_DELETE = "DELETE FROM stellary_search_prefixes WHERE entry_id = OLD.id AND prefix IN ({numbers})"
_EVENTS = {
    "insert": ("INSERT", "NEW.prefixes <> ''"),
    "update": ("UPDATE OF prefixes", "NEW.prefixes <> OLD.prefixes"),
    "delete": ("DELETE", "OLD.prefixes <> ''"),
}


def _build_triggers(row: str, bodies: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER stellary_search_prefixes_{name} AFTER {event} ON stellary_search_entries {row}"
        f"WHEN ({condition})\n{bodies[name]}"
        for name, (event, condition) in _EVENTS.items()
    )


def _build_for_sqlite() -> tuple[str, ...]:
    new, old = (_SQLITE_NUMBERS.format(entry=entry) for entry in ("NEW", "OLD"))
    bodies = {
        "insert": [_INSERT.format(ignore="OR IGNORE ", numbers=new)],
        "update": [
            _DELETE.format(numbers=f"{old} EXCEPT {new}"),
            _INSERT.format(ignore="OR IGNORE ", numbers=new),
        ],
        "delete": [_DELETE.format(numbers=old)],
    }
    return _build_triggers(
        "", {name: f"BEGIN {'; '.join(statements)}; END" for name, statements in bodies.items()}
    )


def _build_for_postgresql() -> tuple[str, ...]:
    new, old = (f"{_POSTGRESQL_NUMBERS.format(entry=entry)} AS value" for entry in ("NEW", "OLD"))
    ignored = " ON CONFLICT DO NOTHING"
    steps = {
        "INSERT": [_INSERT.format(ignore="", numbers=new) + ignored],
        "UPDATE": [
            _DELETE.format(numbers=f"{old} EXCEPT {new}"),
            _INSERT.format(ignore="", numbers=new) + ignored,
        ],
        "DELETE": [_DELETE.format(numbers=old)],
    }
    branches = " ".join(
        f"IF TG_OP = '{operation}' THEN {'; '.join(statements)}; END IF;"
        for operation, statements in steps.items()
    )
    function = build_trigger_function("stellary_keep_search_prefixes", branches)
    body = "EXECUTE FUNCTION stellary_keep_search_prefixes()"
    return (function, *_build_triggers("FOR EACH ROW ", dict.fromkeys(_EVENTS, body)))


TRIGGERS: Final = {"sqlite": _build_for_sqlite(), "postgresql": _build_for_postgresql()}
"""The statements that create the triggers, by dialect. A change of them needs a migration that creates them again."""
