"""Problems of a declaration, each with its path and, if it comes from a file, its line."""

from __future__ import annotations

from typing import NoReturn

from stellary.client.errors import UnsuitableDeclaration

PROBLEMS_MAX = 20
"""The maximum number of problems that a message lists."""


class ProblemCollector:
    """A collector of problems, so that one error reports all of them.

    Args:
        source: The name of the file; empty for a declaration that is a value.

    Attributes:
        lines: Line numbers by path, as far as the parser knows them.
    """

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.lines: dict[str, int] = {}
        self._noted: list[tuple[str, str]] = []
        self._earlier: set[str] = set()

    def note(self, path: str, message: str) -> None:
        """Note a problem, unless an earlier pass found one at that path, which may be its cause.

        Args:
            path: The place in the declaration, such as ``cards[0].title``; empty for the declaration as a whole.
            message: A clause that follows the path: ``the label "Bug" is not declared``.
        """
        if path not in self._earlier:
            self._noted.append((path, message))

    def begin_pass(self) -> None:
        """Begin another pass of checks, in which paths that have a problem already are skipped."""
        self._earlier = {path for path, _ in self._noted if path}

    def refuse(self) -> None:
        """Raise an error if there are problems.

        Raises:
            UnsuitableDeclaration: There is at least one problem; the error has all of them.
        """
        if self._noted:
            raise self._to_error()

    def fail(self, path: str, message: str) -> NoReturn:
        """Raise an error with a problem that ends the reading, and those found before.

        Args:
            path: The place in the declaration.
            message: A clause that follows the path.

        Raises:
            UnsuitableDeclaration: Always.
        """
        self.note(path, message)
        raise self._to_error() from None

    def _to_error(self) -> UnsuitableDeclaration:
        messages = [self._format(path, message) for path, message in self._noted[:PROBLEMS_MAX]]
        if len(self._noted) > PROBLEMS_MAX:
            messages.append(f"… and {len(self._noted) - PROBLEMS_MAX} more")
        return UnsuitableDeclaration("\n".join(messages), self._noted)

    def _format(self, path: str, message: str) -> str:
        line = self._find_line(path)
        location = f"{self.source}:{line}" if self.source and line else self.source
        return ": ".join(part for part in (location, path, message) if part)

    def _find_line(self, path: str) -> int | None:
        """Return the line of a path, or of the nearest item around it that has one."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get("")
