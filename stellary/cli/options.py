"""Options that several commands share, and command groups that suggest the name of a misspelt command."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NoReturn, TypeVar

import click

from stellary.cli.output import JsonCommand
from stellary.cli.session import CommandContext
from stellary.client.calling.nearest import nearest
from stellary.contract.port import RawRequest

F = TypeVar("F", bound=Callable[..., Any])
NONE = "none"
"""The word that clears a field."""


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DISTANCE = re.compile(r"(?:\+|in )(\d{1,4}) ?(d(?:ays?)?|w(?:eeks?)?)")


class DayParam(click.ParamType[date]):
    """A day or a time as the API takes it, or a day in words; a weekday is the next one after today.

    Args:
        zone: The time zone of the day, and of the day of a time. Default: that of the user.
    """

    name = "DAY"

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        text, today = str(value).strip().lower(), datetime.now(self._zone).date()
        weekdays = [number for number, name in enumerate(_WEEKDAYS) if text in (name, name[:3])]
        if text in ("today", "tomorrow"):
            return today + timedelta(days=text == "tomorrow")
        if weekdays:
            return today + timedelta(days=(weekdays[0] - today.weekday() - 1) % 7 + 1)
        if amount := _DISTANCE.fullmatch(text):
            return today + timedelta(days=int(amount[1]) * (7 if amount[2][0] == "w" else 1))
        with suppress(ValueError):
            moment = datetime.fromisoformat(str(value))
            return moment.date() if re.fullmatch(r"[\d-]+", text) else moment.astimezone(self._zone)
        return self.fail(
            f"{value!r} is not a day such as 2026-04-01, today, tomorrow, friday, +3d or in 2 weeks, nor a time",
            param,
            ctx,
        )


class OrNone(click.ParamType[object]):
    """A value of another type, or ``none`` to clear the field."""

    def __init__(self, kind: click.ParamType[date] | click.ParamType[float]) -> None:
        self._kind = kind
        self.name = f"{kind.name.upper()}|{NONE}"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        return NONE if value == NONE else self._kind.convert(value, param, ctx)


class Group(click.Group):
    """A group of commands that suggests the name of a misspelt one."""

    command_class = JsonCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, and the remaining arguments.

        Args:
            ctx: The context of the group.
            args: The arguments, of which the first is the name.

        Raises:
            click.UsageError: There is no such command.
        """
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            hint = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"No such command {args[0]!r}{hint or '.'}", ctx)
        return super().resolve_command(ctx, args)


def confirm(question: str, *, is_confirmed: bool) -> None:
    """Ask for confirmation of what cannot be undone.

    Args:
        question: The question, without a question mark.
        is_confirmed: Whether the user has passed ``--yes``.

    Raises:
        click.ClickException: There is no terminal to ask at.
        click.Abort: The user does not confirm.
    """
    if is_confirmed:
        return
    if not has_terminal():
        raise click.ClickException("cannot ask for confirmation without a terminal; pass --yes")
    click.confirm(f"{question}?", abort=True, err=True)


def has_terminal() -> bool:
    """Return whether a person can answer questions."""
    return sys.stdin.isatty()


class DryRun(click.ClickException):
    """The end of a command before its first change."""


def _print_request(request: RawRequest) -> None:
    if request.method == "GET":
        return
    body = json.loads(request.body) if request.body else None
    click.echo(f"{request.method} {request.path}")
    if body is not None:
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
    raise DryRun("")


def dry_run(command: F) -> F:
    """Add the option ``--dry-run``, with which a command prints the request of its first change instead of sending it.

    It belongs below the decorator that passes the session.
    """

    @functools.wraps(command)
    def run(session: CommandContext, *args: object, dry_run: bool, **kwargs: object) -> object:
        if dry_run:
            session.client.on_request(_print_request)
            if "yes" in kwargs:
                kwargs["yes"] = True
        try:
            return command(session, *args, **kwargs)
        except DryRun:
            return 0

    help_text = "Print the request that would change something, and do not send it."
    decorated: Any = click.option("--dry-run", is_flag=True, help=help_text)(run)
    result: F = decorated
    return result


def fail_usage(message: str) -> NoReturn:
    """Raise an error about the arguments of the current command.

    Raises:
        click.UsageError: Always.
    """
    raise click.UsageError(message, click.get_current_context())
