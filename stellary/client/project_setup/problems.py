"""What is wrong with a declaration: each with its place, by path and, where the file tells, by line."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from stellary.client.errors import UnsuitableDeclaration

SHOWN = 20
"""Problems that a message tells; nobody reads more of them at once."""


@attrs.frozen
class Problem:
    """Something that is wrong.

    Attributes:
        path: ``cards[3].labels[0]``; empty for the declaration as a whole.
        message: A clause that goes on after the path: ``the label "Bug" is not declared``.
    """

    path: str
    message: str


class Problems:
    """Gathers what is wrong, so that all of it is told at once.

    Args:
        source: The name of the file, if it is one.
        lines: The line of each path that the file tells.
    """

    def __init__(self, source: str = "", lines: Mapping[str, int] | None = None) -> None:
        self.source = source
        self.lines = lines or {}
        self._found: list[Problem] = []
        self._told: set[str] = set()

    def note(self, path: str, message: str) -> None:
        """Note a problem, unless an earlier pass has found one at that place, from which it may follow."""
        if path not in self._told:
            self._found.append(Problem(path, message))

    def begin_pass(self) -> None:
        """Begin to look at all of it in another way, knowing where something is wrong already."""
        self._told = {each.path for each in self._found if each.path}

    def refuse(self) -> None:
        """End here if there is one.

        Raises:
            UnsuitableDeclaration: With all of them.
        """
        if not self._found:
            return
        told = [self._shown(each) for each in self._found[:SHOWN]]
        if len(self._found) > SHOWN:
            told.append(f"… and {len(self._found) - SHOWN} more")
        raise UnsuitableDeclaration("\n".join(told), [(each.path, each.message) for each in self._found])

    def _shown(self, problem: Problem) -> str:
        line = self._line(problem.path)
        place = f"{self.source}:{line}" if self.source and line else self.source
        return ": ".join(part for part in (place, problem.path, problem.message) if part)

    def _line(self, path: str) -> int | None:
        """The line of what stands there, or of the nearest thing around it that stands in the file."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = _around(path)
        return self.lines.get("")


def _around(path: str) -> str:
    """The path of what something stands in: ``cards[3]`` of ``cards[3].title``."""
    return path[: max(path.rfind("."), path.rfind("["), 0)]
