"""``python -m reference_server usage``: rows and bytes by table and by organization."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence

import attrs

from reference_server.jobs import open_migrated
from reference_server.settings import Settings
from stellary.core.api.usage import Usage, measure_usage

NO_ORGANIZATION = "(none)"


def show(settings: Settings, *, as_json: bool) -> int:
    """Print the size of the database, and return the exit code.

    Args:
        settings: The settings of the server.
        as_json: Whether to print JSON instead of tables.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        usage = measure_usage(core.database)
    if as_json:
        sys.stdout.write(json.dumps(attrs.asdict(usage), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _format(usage))
    return 0


def _format(usage: Usage) -> Iterator[str]:
    tables = [(table.name, _number(table.rows), _number(table.bytes)) for table in usage.tables]
    yield from _align(("table", "rows", "bytes"), tables)
    yield ""
    organizations = [
        (
            organization.slug or NO_ORGANIZATION,
            _number(organization.rows),
            _number(organization.bytes),
            _number(organization.file_bytes),
        )
        for organization in usage.organizations
    ]
    yield from _align(("organization", "rows", "bytes", "bytes of files"), organizations)


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _align(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *cells in lines:
        numbers = (text.rjust(width) for text, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *numbers])
