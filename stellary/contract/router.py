"""Routing from a method and a path to an endpoint, for the server, the embedded client and the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs

from stellary.contract.addressing import NOWHERE, Ref, parameter_names, pattern_of
from stellary.contract.endpoint import Endpoint
from stellary.contract.errors import MethodNotAllowed, NotFound

AnyEndpoint = Endpoint[Any, Any, Any, Any]


@attrs.frozen
class Match:
    """An endpoint, and the address from the path."""

    endpoint: AnyEndpoint
    ref: Ref


_Shape = tuple[str | None, ...]
"""The parts of a path; None is a parameter."""

_Leaves = dict[str, tuple[AnyEndpoint, tuple[tuple[str, int, Callable[[str], object]], ...]]]
"""The endpoints of a path by method, with the names, positions and patterns of their parameters."""


class _RouteNode:
    """A node in the tree of paths.

    The node after a literal part includes the paths that have a parameter in its place, so that a lookup never
    backtracks.

    Args:
        paths: The paths that lead through the node, the one with the earliest literal part first.
        depth: The number of parts that lead to the node.
    """

    __slots__ = ("leaves", "parameter", "words")

    def __init__(self, paths: Mapping[_Shape, _Leaves], depth: int = 0) -> None:
        self.leaves = next((leaves for shape, leaves in paths.items() if len(shape) == depth), None)
        words = {shape[depth] for shape in paths if len(shape) > depth} - {None}
        self.words = {word: _RouteNode(_select(paths, depth, (word, None)), depth + 1) for word in words}
        open_paths = _select(paths, depth, (None,))
        self.parameter = _RouteNode(open_paths, depth + 1) if open_paths else None


def _select(
    paths: Mapping[_Shape, _Leaves], depth: int, parts: tuple[str | None, ...]
) -> dict[_Shape, _Leaves]:
    return {shape: leaves for shape, leaves in paths.items() if len(shape) > depth and shape[depth] in parts}


class Router:
    """A lookup of endpoints by path, part by part. Literal parts take precedence over parameters."""

    def __init__(self, endpoints: Iterable[AnyEndpoint]) -> None:
        paths: dict[_Shape, _Leaves] = {}
        for endpoint in endpoints:
            for path in filter(None, (endpoint.path, endpoint.alias)):
                parts = path.split("/")[1:]
                shape = tuple(None if part.startswith(":") else part for part in parts)
                positions = (position for position, part in enumerate(shape) if part is None)
                leaves = paths.setdefault(shape, {})
                if endpoint.method in leaves:
                    raise ValueError(f"{endpoint.method} {path} is taken")
                leaves[endpoint.method] = (
                    endpoint,
                    tuple(
                        (name, position, pattern_of(name).fullmatch)
                        for name, position in zip(parameter_names(path).values(), positions, strict=True)
                    ),
                )
        self._parts_max = max(map(len, paths), default=0)
        self._root = _RouteNode(
            dict(sorted(paths.items(), key=lambda path: [part is None for part in path[0]]))
        )

    def match(self, method: str, path: str) -> Match:
        """Return the endpoint and the address of a request.

        Args:
            method: In upper case.
            path: Percent-encoded, as in the request.

        Raises:
            NotFound: No endpoint has this path.
            MethodNotAllowed: An endpoint has this path, but with another method.
        """
        # A request's path can be arbitrarily long, so only as many parts are split as the longest endpoint path has.
        start, *parts = path.split("/", self._parts_max + 1)
        if "%" in path:
            parts = [unquote(part, errors="replace") for part in parts]
        node = None if start or not parts else self._root
        for part in parts:
            if node is None:
                break
            # An empty part identifies no item.
            node = node.words.get(part) or (node.parameter if part else None)
        if node is None or node.leaves is None:
            raise NotFound(f"there is nothing at {path[:200]}", code="unknown_path")
        leaf = node.leaves.get(method)
        if leaf is None:
            error = MethodNotAllowed(f"{method} is not possible at {path[:200]}")
            error.headers["Allow"] = ", ".join(sorted(node.leaves))
            raise error
        endpoint, parameters = leaf
        ref = endpoint.ref(
            **{
                name: parts[position] if matches(parts[position]) else NOWHERE
                for name, position, matches in parameters
            }
        )
        return Match(endpoint, ref)
