"""Output: formatted for people, with colours on a terminal, or as JSON with the API's field names for programs."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, TextIO, TypeVar, cast

import attrs
import click
import orjson

from stellary.client.calling.method import Resource, Sync
from stellary.client.calling.nearest import nearest
from stellary.client.display._markup import readable
from stellary.client.display._parts import Names
from stellary.contract.cards import Card
from stellary.contract.wire import Request, Value, dump

WIDTH = 120
"""The width of lines, in characters, when the output is not a terminal."""

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class JsonOptions:
    """The options for JSON output. False if they are not used.

    Attributes:
        fields: The fields to print, by wire name; empty for all.
        jq: A jq expression to apply; None for none.
        enabled: Whether JSON is printed.
    """

    enabled: bool = False
    fields: tuple[str, ...] = ()
    jq: str | None = None

    def __bool__(self) -> bool:
        return self.enabled


class JsonCommand(click.Command):
    """A command whose ``--json`` may be followed by the names of fields: ``--json key,title``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join ``--json`` and the names after it, so that other words after it are arguments.

        Args:
            ctx: The context of the command.
            args: The words of the command line.
        """
        takes_arguments = any(isinstance(param, click.Argument) for param in self.params)
        fields = _SEVERAL_FIELDS if takes_arguments else _FIELDS
        joined: list[str] = []
        for word in args:
            if joined and joined[-1] == "--json" and fields.fullmatch(word):
                joined[-1] = f"--json={word}"
            else:
                joined.append(word)
        return super().parse_args(ctx, [f"{word}=" if word == "--json" else word for word in joined])


_FIELDS = re.compile(r"[a-zA-Z_]\w*(,[a-zA-Z_]\w*)*")
# If a command takes arguments, a single word may be one of them, so that it needs ``--json=``.
_SEVERAL_FIELDS = re.compile(r"[a-zA-Z_]\w*(,[a-zA-Z_]\w*)+")


_JSON = click.option(
    "--json",
    "json_fields",
    metavar="[FIELDS]",
    help="Print JSON with the field names of the API: all fields, or only those named, as in --json=key,title.",
)
JQ = click.option("--jq", metavar="EXPRESSION", help="Filter the JSON with the program jq.")


def as_json(command: F) -> F:
    """Add the options ``--json`` and ``--jq``, and keep their values as ``json`` of the session."""

    @functools.wraps(command)
    def run(*args: object, json_fields: str | None, jq: str | None, **kwargs: object) -> object:
        fields = tuple(name for name in (json_fields or "").split(",") if name)
        options = JsonOptions(json_fields is not None or jq is not None, fields, jq)
        click.get_current_context().obj.json = options
        return command(*args, **kwargs)

    return cast("F", JQ(_JSON(run)))


def is_terminal(stream: TextIO | None = None) -> bool:
    """Return whether people read a stream, by default standard output."""
    return (stream or sys.stdout).isatty()


def show(value: object, as_json: JsonOptions, empty_message: str = "", names: Names | None = None) -> None:
    """Print a value, or a list of values: for people, or without a terminal as lines of tab-separated fields.

    Args:
        value: A value of the API, or a list of them.
        as_json: Whether to print JSON.
        empty_message: The line to print for an empty list.
        names: The names that replace ids in a list of cards.
    """
    if as_json:
        print_json(value, as_json)
    elif isinstance(value, Sequence) and not value:
        print_line(empty_message, err=not is_terminal())
    elif isinstance(value, Sequence) and not is_terminal():
        print_rows(value, names)
    elif names is not None:
        from stellary.client.display._board import build_cards

        draw(build_cards(cast("Sequence[Card]", value), names))
    else:
        from stellary.client.display import view

        draw(view(value))


def print_result(value: object, sentence: str, as_json: JsonOptions) -> None:
    """Print what has been done in a sentence, or its result as JSON.

    Args:
        value: The result.
        sentence: The sentence.
        as_json: Whether to print JSON.
    """
    if as_json:
        print_json(value, as_json)
    else:
        print_line(sentence)


# What scripts need of a card; other values have the columns of their tables.
_CARD_COLUMNS = ("key", "title", "status", "priority", "due_date", "assignee_id", "column_id", "label_ids")


def print_rows(values: Sequence[object], names: Names | None = None) -> None:
    """Print values as lines of tab-separated fields, of which nothing is cut off.

    Args:
        values: The values.
        names: The names that replace the ids of cards.
    """
    from stellary.client.display._rows import columns_of

    columns = _CARD_COLUMNS if isinstance(values[0], Card) else columns_of(type(values[0]))
    for value in values:
        click.echo("\t".join(_to_cell(value, column, names) for column in columns))


def _to_cell(value: object, name: str, names: Names | None) -> str:
    """Return a field as text on one line, without control characters."""
    for part in name.split("."):
        value = getattr(value, part, None)
    if names is not None and name.endswith(("_id", "_ids")):
        value = names.replace_ids(value)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    text = value if isinstance(value, str) else json.dumps(_to_wire(value), ensure_ascii=False)
    return readable(" ".join(text.split()))


def print_fields(fields: Iterable[str]) -> None:
    """Print a line of fields, of which nothing is cut off."""
    print_line(("  " if is_terminal() else "\t").join(" ".join(field.split()) for field in fields))


def print_handle(handle: Resource[Sync], view_name: str | None = None) -> None:
    """Load and print the view of a handle."""
    from stellary.client.display import load

    draw(load(handle, view_name))


def draw(renderable: object) -> None:
    """Print an object that rich can render."""
    from rich.console import Console

    has_width = is_terminal() or "COLUMNS" in os.environ
    Console(file=sys.stdout, width=None if has_width else WIDTH, highlight=False).print(renderable)


def print_json(value: object, options: JsonOptions, *, on_one_line: bool = False) -> None:
    """Print a value, or a list of values, as JSON with the API's field names.

    Args:
        value: The value, or the list.
        options: The fields to print, and the filter.
        on_one_line: Whether to print it on one line.

    Raises:
        click.ClickException: There is no such field, or the filter failed.
    """
    data = _to_wire(value)
    if options.fields:
        data = (
            [_select(item, options.fields) for item in data]
            if isinstance(data, list)
            else _select(data, options.fields)
        )
    if options.jq is None:
        click.echo(json.dumps(data, indent=None if on_one_line else 2, ensure_ascii=False))
    else:
        click.echo(run_jq(options.jq, data), nl=False)


def _select(data: object, fields: Sequence[str]) -> object:
    if not isinstance(data, dict):
        return data
    for name in fields:
        if name not in data:
            hint = nearest(name, data)
            raise click.ClickException(
                f"there is no field {name!r}{hint or '; there are ' + ', '.join(data)}"
            )
    return {name: data[name] for name in fields}


def run_jq(expression: str, data: object) -> str:
    """Return the output of the program jq, with strings as plain text.

    Args:
        expression: The jq expression.
        data: JSON data.

    Raises:
        click.ClickException: jq is not installed, or the expression failed.
    """
    program = shutil.which("jq")
    if program is None:
        raise click.ClickException("--jq needs the program jq: https://jqlang.org/download/")
    process = subprocess.run(  # noqa: S603 - no shell; the expression is the user's own
        [program, "--raw-output", "--", expression],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise click.ClickException(" ".join(process.stderr.split()) or "jq failed")
    return process.stdout


def _to_wire(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_to_wire(item) for item in value]
    return (
        orjson.loads(dump(value)) if isinstance(value, Value | Request) else orjson.loads(orjson.dumps(value))
    )


def print_line(text: str, **style: Any) -> None:
    """Print a line, with control characters removed so that other people's text cannot affect the terminal."""
    click.secho(readable(text), **style)


def print_error(text: str) -> None:
    """Print a line to standard error."""
    click.secho(f"stellary: {readable(text)}", err=True)


def format_candidates(matches: Iterable[T], describe: Callable[[T], str], limit: int = 5) -> str:
    """Return the descriptions of several matches, for an error message.

    Args:
        matches: The items.
        describe: Returns the description of one.
        limit: The maximum number that is listed; the others are counted.
    """
    texts = [describe(match) for match in matches]
    return ", ".join(texts[:limit]) + (f" and {len(texts) - limit} more" if len(texts) > limit else "")


@contextmanager
def show_progress(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar on standard error if that is a terminal; yield a callback for the amount done, and the total.

    The bar appears with the first call, since little work reports nothing.

    Args:
        label: The text before the bar.
    """
    if not is_terminal(sys.stderr):
        yield None
        return
    with ExitStack() as stack:
        bars: list[Any] = []

        def update(done: int, total: int) -> None:
            if not bars:
                bar = click.progressbar(length=total, label=label, file=sys.stderr)
                bars.append(stack.enter_context(bar))
            bars[0].update(done - bars[0].pos)

        yield update
