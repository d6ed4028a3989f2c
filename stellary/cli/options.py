"""Options that several commands share, their completion in a shell, and groups that suggest the name of a misspelt command."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NoReturn, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from stellary import StellaryError
from stellary.cli.config import COMPLETIONS, write_private
from stellary.cli.output import JsonCommand, as_json
from stellary.cli.session import CommandContext, pass_session, select_workspace
from stellary.client.calling.nearest import nearest
from stellary.contract.port import RawRequest
from stellary.contract.projects import Board

F = TypeVar("F", bound=Callable[..., Any])
NONE = "none"
"""The word that clears a field."""
YES = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")


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


def with_json(command: F) -> F:
    """Pass a command the session, and add ``--json`` and ``--jq``, whose values ``session.json`` has."""
    return cast("F", as_json(pass_session(command)))


def in_workspace(*, json: bool = False, dry_run: bool = False) -> Callable[[F], F]:
    """Return a decorator that adds the options that select a workspace to a command, and passes it the session.

    Args:
        json: Whether to add ``--json`` and ``--jq`` as well, whose values ``session.json`` has.
        dry_run: Whether to add ``--dry-run`` as well, with which the command prints the request of its first change
            instead of sending it.
    """
    return functools.partial(_add_selection, project=False, json=json, dry_run=dry_run)


def in_project(*, json: bool = False, dry_run: bool = False) -> Callable[[F], F]:
    """Return a decorator like ``in_workspace``, which also adds the option that selects a project.

    Args:
        json: As in ``in_workspace``.
        dry_run: As in ``in_workspace``.
    """
    return functools.partial(_add_selection, project=True, json=json, dry_run=dry_run)


def _add_selection(command: F, *, project: bool, json: bool, dry_run: bool) -> F:
    inner = _add_dry_run(command) if dry_run else command

    def run(session: CommandContext, *args: Any, **kwargs: Any) -> Any:
        session.org = kwargs.pop("org") or session.org
        if path := kwargs.pop("workspace"):
            select_workspace(session, path)
        if project:
            session.project_name = kwargs.pop("project") or session.project_name
        return inner(session, *args, **kwargs)

    decorated: Any = WORKSPACE(ORGANIZATION(pass_session(functools.update_wrapper(run, inner))))
    decorated = PROJECT(decorated) if project else decorated
    return cast("F", as_json(decorated) if json else decorated)


def _add_dry_run(command: F) -> F:
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
    return cast("F", click.option("--dry-run", is_flag=True, help=help_text)(run))


def fail_usage(message: str) -> NoReturn:
    """Raise an error about the arguments of the current command.

    Raises:
        click.UsageError: Always.
    """
    raise click.UsageError(message, click.get_current_context())


RECENT = 60.0
"""The seconds for which names are kept."""
ORGANIZATIONS_MAX = 20
"""The number of organizations whose workspaces are offered."""
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@contextlib.contextmanager
def _completion_session(ctx: click.Context) -> Iterator[CommandContext]:
    """Yield a session for completing a word: with a short timeout, and without error messages."""
    session = CommandContext(url=ctx.find_root().params.get("url"), timeout=2, max_retries=0)
    session.org = ctx.params.get("org")
    # While a word is completed, click leaves arguments in ``args``.
    path_of_use = "".join(ctx.args) if ctx.info_name == "use" else ""
    if path := ctx.params.get("workspace") or path_of_use:
        select_workspace(session, path)
    session.project_name = ctx.params.get("project")
    with (
        contextlib.closing(session),
        contextlib.suppress(click.ClickException, StellaryError, OSError, ValueError),
    ):
        yield session


def _load_recent(
    session: CommandContext, kind: str, load: Callable[[], Iterable[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """Return names, each with a description. They are loaded at most once a minute.

    Args:
        session: The session, whose login and workspace the names belong to.
        kind: The kind of names.
        load: Loads the names.
    """
    place = [kind, *(session.setting(name) for name in ("url", "token", "org", "workspace"))]
    key = hashlib.sha256(json.dumps(place).encode()).hexdigest()
    path, now = session.path.with_name(COMPLETIONS), time.time()
    entries: dict[str, tuple[float, list[tuple[str, str]]]] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
        stored = json.loads(path.read_bytes()).items()
        entries = {name: entry for name, entry in stored if now <= entry[0] <= now + RECENT}
    if key in entries:
        return entries[key][1]
    names = list(load())
    if names:
        with contextlib.suppress(OSError):
            write_private(path, {**entries, key: (now + RECENT, names)})
    return names


def _complete_with(names: Callable[[CommandContext, str, bool], Iterable[tuple[str, str]]]) -> Complete:
    """Return a completion of names; none if they cannot be loaded.

    Args:
        names: Returns the names, each with a description, for the session, the beginning of the word, and whether the
            command is ``use``.
    """

    def complete(ctx: click.Context, _: click.Parameter, prefix: str) -> list[CompletionItem]:
        items: dict[str, str] = {}
        with _completion_session(ctx) as session:
            items |= names(session, prefix, ctx.info_name == "use")
        start = prefix.casefold()
        return [
            CompletionItem(name, help=text)
            for name, text in items.items()
            if name.casefold().startswith(start)
        ]

    return complete


def _list_projects(session: CommandContext) -> Iterator[tuple[str, str]]:
    for project in session.workspace().projects.iterate(archived=False):
        yield project.key, project.name


def _find_workspaces(session: CommandContext, prefix: str, is_use: bool) -> Iterable[tuple[str, str]]:
    """Return the paths of workspaces; in ``use``, those of its projects behind one such as ``acme/eng``."""
    workspace = prefix.rpartition("/")[0]
    if "/" not in workspace or not is_use:
        return _load_recent(session, "workspaces", lambda: _list_workspaces(session))
    select_workspace(session, workspace)
    projects = _load_recent(session, "projects", lambda: _list_projects(session))
    return [(f"{workspace}/{key}", name) for key, name in projects]


def _list_workspaces(session: CommandContext) -> Iterator[tuple[str, str]]:
    for organization in session.client.organizations.list(limit=ORGANIZATIONS_MAX):
        for workspace in session.client.organization(organization).workspaces.iterate():
            yield f"{organization.slug}/{workspace.slug}", workspace.name


def _complete_from_board(names: Callable[[Board], Iterable[tuple[str, str]]]) -> Complete:
    """Return a completion of names on the board of the project.

    Args:
        names: Returns the names, each with a description.
    """
    return _complete_with(lambda session, *_: names(session.project_handle().board()))


complete_projects = _complete_with(
    lambda session, *_: _load_recent(session, "projects", lambda: _list_projects(session))
)
complete_workspaces = _complete_with(_find_workspaces)
complete_organizations = _complete_with(
    lambda session, *_: _load_recent(
        session,
        "organizations",
        lambda: ((item.slug, item.name) for item in session.client.organizations.iterate()),
    )
)
complete_cards = _complete_from_board(lambda board: ((card.key, card.title) for card in board.cards))
complete_columns = _complete_from_board(lambda board: ((column.name, "") for column in board.columns))
complete_scopes = _complete_from_board(lambda board: ((scope.name, "") for scope in board.scopes))
complete_labels = _complete_from_board(lambda board: ((label.name, "") for label in board.labels))
complete_people = _complete_from_board(
    lambda board: [("me", ""), *((member.email, member.name) for member in board.members)]
)

ORGANIZATION = click.option(
    "--org", metavar="SLUG", shell_complete=complete_organizations, help="The organization."
)
WORKSPACE = click.option(
    "-w",
    "--workspace",
    metavar="[ORG/]SLUG",
    shell_complete=complete_workspaces,
    help="The workspace, by its slug, or the slug of its organization and its own.",
)
PROJECT = click.option(
    "-p",
    "--project",
    metavar="KEY",
    shell_complete=complete_projects,
    help="The project, by its key or name.",
)
column_option = functools.partial(
    click.option, "-c", "--column", metavar="NAME", shell_complete=complete_columns
)
scope_option = functools.partial(
    click.option, "-s", "--scope", metavar="NAME", shell_complete=complete_scopes
)
label_option = functools.partial(click.option, metavar="NAME", shell_complete=complete_labels)
assignee_option = functools.partial(
    click.option, "-a", "--assignee", metavar="WHO", shell_complete=complete_people
)
