"""Output: formatted for people, with colours on a terminal, or as JSON with the API's field names for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click
import orjson

from stellary.client.display._markup import readable
from stellary.contract.wire import dump

WIDTH = 120
"""The width of lines, in characters, when the output is not a terminal."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON with the field names of the API.")


def show(value: Any, as_json: bool, empty_message: str = "") -> None:
    """Print a value, or a list of values.

    Args:
        value: A value of the API, or a list of them.
        as_json: Whether to print JSON.
        empty_message: The line to print for an empty list.
    """
    if as_json:
        print_json(value)
    elif isinstance(value, Sequence) and not value:
        print_line(empty_message)
    else:
        from stellary.client.display import view

        draw(view(value))


def print_handle(handle: Any, view_name: str | None = None) -> None:
    """Load and print the view of a handle."""
    from stellary.client.display._asking import load_view
    from stellary.client.transfer.steps import run_steps

    draw(run_steps(load_view(handle, view_name)))


def draw(renderable: Any) -> None:
    """Print an object that rich can render."""
    from rich.console import Console

    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(file=sys.stdout, width=None if has_width else WIDTH, highlight=False).print(renderable)


def print_json(value: Any) -> None:
    """Print a value, or a list of values, as JSON with the API's field names."""
    click.echo(json.dumps(_to_wire(value), indent=2, ensure_ascii=False))


def _to_wire(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_wire(item) for item in value]
    return orjson.loads(dump(value))


def print_line(text: str, **style: Any) -> None:
    """Print a line, with control characters removed so that other people's text cannot affect the terminal."""
    click.secho(readable(text), **style)


def print_error(text: str) -> None:
    """Print a line to standard error."""
    click.secho(f"stellary: {readable(text)}", err=True)


def format_candidates(matches: Iterable[Any], describe: Callable[[Any], str], limit: int = 5) -> str:
    """Return the descriptions of several matches, for an error message.

    Args:
        matches: The items.
        describe: Returns the description of one.
        limit: The maximum number that is listed; the others are counted.
    """
    texts = [describe(match) for match in matches]
    return ", ".join(texts[:limit]) + (f" and {len(texts) - limit} more" if len(texts) > limit else "")
