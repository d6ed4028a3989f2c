"""Output: values for people, with colours on a terminal; or as JSON in wire names, for programs."""

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
"""Of lines that go to a file or another program."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, in the names of the API.")


def show(made: Any, as_json: bool, otherwise: str = "", named: str | None = None) -> None:
    """Print a value or a list of them.

    Args:
        as_json: For a program.
        otherwise: What people are told of a list that is empty.
        named: The view, of a board.
    """
    if as_json:
        tell_json(made)
    elif isinstance(made, Sequence) and not made:
        tell(otherwise)
    else:
        from stellary.client.display import view

        draw(view(made, named))


def draw_handle(handle: Any, named: str | None = None) -> None:
    """Ask for what a handle shows, and print it."""
    from stellary.client.display._asking import load_view
    from stellary.client.transfer.steps import run_steps

    draw(run_steps(load_view(handle, named)))


def draw(view: Any) -> None:
    """Print what rich can draw."""
    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(file=sys.stdout, width=None if known else WIDTH, highlight=False).print(view)


def tell_json(made: Any) -> None:
    """Print a value, or a list of values, as JSON; or what is JSON already."""
    click.echo(json.dumps(_wire(made), indent=2, ensure_ascii=False))


def _wire(made: Any) -> Any:
    if isinstance(made, list | tuple):
        return [_wire(each) for each in made]
    return orjson.loads(dump(made))


def tell(text: str, **style: Any) -> None:
    """Print a line, without what other people's texts could do to a terminal."""
    click.secho(readable(text), **style)


def warn(text: str) -> None:
    """Print a line that is not the answer, beside it."""
    click.secho(f"stellary: {readable(text)}", err=True)


def candidates(found: Iterable[Any], named: Callable[[Any], str], most: int = 5) -> str:
    """What may be meant, for a sentence."""
    names = [named(each) for each in found]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
