"""The language of filters: ``assignee = me and (priority = high or due < +3d) order by due``.

Importing this module imports lark; see ``kernel.grammars``.
"""

from __future__ import annotations

from pathlib import Path

from lark import Token, Tree

from stellary.contract.errors import Invalid
from stellary.contract.wire import invalid
from stellary.core.board.rules.card_conditions import (
    VALUES_MAX,
    Combination,
    Comparison,
    Condition,
    Quoted,
    SortKey,
)
from stellary.core.kernel.grammars import Grammar, NotRead, list_trees

DEPTH_MAX = 20
COSTLY_MAX = 5
"""The number of values of fields that read descriptions and relations for each card."""
_COSTLY = frozenset({"text", "blocked"})
_GRAMMAR = Grammar(Path(__file__))


def parse_filter(text: str) -> tuple[Condition | None, list[SortKey]]:
    """Return the condition and the order of a filter.

    Raises:
        Invalid: The text is not a filter, is nested too deeply, or has too many values.
    """
    try:
        tree = _GRAMMAR.parse(text)
    except NotRead as error:
        words = ", ".join(sorted(error.expected))
        actual = repr(text[error.position :][:20]) if error.position < len(text) else "the end"
        raise _refuse(f"must have {words} at position {error.position + 1}, not {actual}") from None
    if len(list(tree.scan_values(_is_value))) > VALUES_MAX:
        raise _refuse(f"must have at most {VALUES_MAX} values")
    costly = [part for part in tree.iter_subtrees() if any(map(_is_costly, part.children))]
    if sum(len(list(part.scan_values(_is_value))) for part in costly) > COSTLY_MAX:
        raise _refuse(f"must compare text and blocked with at most {COSTLY_MAX} values")
    condition, keys = None, []
    for part in list_trees(tree):
        if part.data == "order":
            keys = [_read_key(key) for key in list_trees(part)]
        else:
            condition = _read(part, DEPTH_MAX)
    return condition, keys


def _is_value(item: object) -> bool:
    return isinstance(item, Token) and item.type == "VALUE"


def _is_costly(item: object) -> bool:
    return isinstance(item, Token) and item.type == "FIELD" and item.lower() in _COSTLY


def _refuse(message: str) -> Invalid:
    return invalid(("filter", message))


def _read(tree: Tree[Token], depth: int) -> Condition:
    if not depth:
        raise _refuse(f"must not be nested deeper than {DEPTH_MAX}")
    if tree.data in ("and", "or", "not"):
        return Combination(str(tree.data), [_read(part, depth - 1) for part in list_trees(tree)])
    field, *tokens = (child for child in tree.children if isinstance(child, Token))
    operator = {"included": "=", "excluded": "!="}.get(tree.data) or str(tokens.pop(0))
    return Comparison(field.lower(), operator, [_read_value(token) for token in tokens])


def _read_value(token: Token) -> str:
    return (
        Quoted(token[1:-1].replace('\\"', '"').replace("\\\\", "\\")) if token.startswith('"') else str(token)
    )


def _read_key(tree: Tree[Token]) -> SortKey:
    field, *direction = map(str.lower, tree.children)  # type: ignore[arg-type]
    return SortKey(field, descending=direction == ["desc"])
