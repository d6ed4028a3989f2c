"""The router: which endpoint a method and a path mean. One for the server, the embedded client and the tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import attrs

from stellary.contract.addressing import Ref, parameter_names
from stellary.contract.endpoint import Endpoint
from stellary.contract.errors import MethodNotAllowed, NotFound

AnyEndpoint = Endpoint[Any, Any, Any, Any]


@attrs.frozen
class Match:
    """An endpoint, and the address that stood in the path."""

    endpoint: AnyEndpoint
    ref: Ref


class _Node:
    """One place in the tree of paths: words lead on by name, one parameter by any text. Words win."""

    __slots__ = ("leaves", "parameter", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.leaves: dict[str, tuple[AnyEndpoint, tuple[str, ...]]] = {}


class Router:
    """Finds endpoints by path, segment by segment."""

    def __init__(self, endpoints: Iterable[AnyEndpoint]) -> None:
        self._root = _Node()
        self._longest = 0
        for endpoint in endpoints:
            for path in filter(None, (endpoint.path, endpoint.alias)):
                self._add(path, endpoint)

    def _add(self, path: str, endpoint: AnyEndpoint) -> None:
        node = self._root
        self._longest = max(self._longest, path.count("/"))
        for part in path.split("/")[1:]:
            if part.startswith(":"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.words.setdefault(part, _Node())
        if endpoint.method in node.leaves:
            raise ValueError(f"{endpoint.method} {path} is taken")
        node.leaves[endpoint.method] = (endpoint, tuple(parameter_names(path).values()))

    def match(self, method: str, path: str) -> Match:
        """The endpoint of a request.

        Args:
            method: In capitals.
            path: Percent-encoded, as it stood in the request.

        Raises:
            NotFound: No endpoint has that path.
            MethodNotAllowed: One has, with another method.
        """
        found = None
        # Nothing is decoded that cannot lead anywhere: a path may be as long as its sender likes.
        if path.startswith("/") and path.count("/") <= self._longest:
            parts = [unquote(part, errors="replace") for part in path.split("/")[1:]]
            found = _find(self._root, parts, 0)
        if found is None:
            raise NotFound(f"there is nothing at {path[:200]}", code="unknown_path")
        node, texts = found
        leaf = node.leaves.get(method)
        if leaf is None:
            error = MethodNotAllowed(f"{method} is not possible at {path[:200]}")
            error.headers["Allow"] = ", ".join(sorted(node.leaves))
            raise error
        endpoint, names = leaf
        return Match(endpoint, endpoint.ref.at(dict(zip(names, texts, strict=True))))


def _find(node: _Node, parts: list[str], start: int) -> tuple[_Node, list[str]] | None:
    if start == len(parts):
        return (node, []) if node.leaves else None
    word = node.words.get(parts[start])
    if word is not None and (found := _find(word, parts, start + 1)):
        return found
    # Nothing between two slashes, or after the last one, names no thing.
    if node.parameter is None or not parts[start]:
        return None
    found = _find(node.parameter, parts, start + 1)
    return found and (found[0], [parts[start], *found[1]])
