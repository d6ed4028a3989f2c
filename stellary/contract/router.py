"""Routing from a method and a path to an endpoint, for the server, the embedded client and the tests."""

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
    """An endpoint, and the address from the path."""

    endpoint: AnyEndpoint
    ref: Ref


class _Node:
    """A node in the tree of paths: children by literal part, and one for any parameter.

    Literal parts take precedence.
    """

    __slots__ = ("leaves", "parameter", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.leaves: dict[str, tuple[AnyEndpoint, tuple[str, ...]]] = {}


class Router:
    """A lookup of endpoints by path, part by part."""

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
        """Return the endpoint and the address of a request.

        Args:
            method: In upper case.
            path: Percent-encoded, as in the request.

        Raises:
            NotFound: No endpoint has this path.
            MethodNotAllowed: An endpoint has this path, but with another method.
        """
        result = None
        # A path can be arbitrarily long, so one that cannot match is not decoded.
        if path.startswith("/") and path.count("/") <= self._longest:
            parts = [unquote(part, errors="replace") for part in path.split("/")[1:]]
            result = _find(self._root, parts, 0)
        if result is None:
            raise NotFound(f"there is nothing at {path[:200]}", code="unknown_path")
        node, texts = result
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
    if word is not None and (result := _find(word, parts, start + 1)):
        return result
    # An empty part identifies no item.
    if node.parameter is None or not parts[start]:
        return None
    result = _find(node.parameter, parts, start + 1)
    return result and (result[0], [parts[start], *result[1]])
