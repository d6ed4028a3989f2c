"""The context of a command: the caller's client, the workspace and project to work in, and the items that it names.

Options take precedence over environment variables, and these over the saved configuration.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from click.shell_completion import CompletionItem

from stellary import Stellary
from stellary.cli.config import Config, config_file, load_config, save_config
from stellary.cli.output import format_candidates
from stellary.client.calling.method import Sync
from stellary.client.calling.nearest import nearest
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project, ProjectTemplate
from stellary.contract.scopes import Scope
from stellary.contract.spellings import find_named

T = TypeVar("T")
_NUMBER = re.compile(r"#?(?:[A-Za-z]+-)?\d+")


def match_one(
    kind: str,
    query: str,
    items: Iterable[T],
    names: Callable[[T], Sequence[str]],
    describe: Callable[[T], str],
) -> T:
    """Return the only item with a name. Case, blanks and accents may differ; similar names are only suggested.

    Args:
        kind: The kind of item, for error messages.
        query: The text that the user typed.
        items: The items to search.
        names: Returns the names of an item.
        describe: Returns a description of an item, for error messages.

    Raises:
        click.ClickException: No item matches, or several do.
    """
    items = list(items)
    matches = find_named(query, items, names)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise click.ClickException(f'"{query}" is ambiguous: {format_candidates(matches, describe)}')
    all_names = [name for item in items for name in names(item)]
    # For numbers and keys, no similar one is suggested, since it is probably not meant.
    hint = "" if _NUMBER.fullmatch(query) else nearest(query, all_names)
    raise click.ClickException(f'there is no {kind} "{query}"{hint}')


def find_template(workspace: Any, query: str) -> ProjectTemplate:
    """Return a template of projects by name or id."""
    templates: Iterable[ProjectTemplate] = workspace.projects.templates()
    return match_one("template", query, templates, lambda item: (item.name, item.id), lambda item: item.name)


def find_project(workspace: WorkspaceHandle[Sync], query: str) -> Project:
    """Return a project by key, name or id."""
    projects: Iterable[Project] = workspace.projects.iterate()
    return match_one(
        "project",
        query,
        projects,
        lambda project: (project.key, project.name, project.id),
        lambda project: f'{project.key} "{project.name}"',
    )


def find_card(project: ProjectHandle[Sync], query: str, board: Board | None = None) -> Card:
    """Return a card by key, number, title or id: one on the board, else an archived one.

    Args:
        project: The handle of the project.
        query: The text that the user typed.
        board: The board, if it has been loaded already.
    """
    loaded: Board = board or project.board()
    number = re.fullmatch(r"#?(\d+)", query)
    key = f"{loaded.project.key}-{number[1]}" if number else query

    def names(card: Card) -> Sequence[str]:
        return (card.key,) if number else (card.key, card.title, card.id)

    cards = loaded.cards
    if not find_named(key, cards, names):
        archived = list(project.cards.iterate(archived=True))
        cards = archived if find_named(key, archived, names) else cards
    return match_one("card", key, cards, names, lambda card: f'{card.key} "{card.title}"')


def find_column(
    board: Board, query: str, scope: str | None = None, card_scope_id: str | None = None
) -> Column:
    """Return a column by name or id.

    Args:
        board: The board to search.
        query: The text that the user typed.
        scope: The scope to search, by name or id. Default: that of the card, else the default scope and then all.
        card_scope_id: The scope of the card that is to be moved.

    Raises:
        click.ClickException: The scope has no such column, or several.
    """
    scope_names = {item.id: item.name for item in board.scopes}

    def names(column: Column) -> Sequence[str]:
        return column.name, column.id

    def describe(column: Column) -> str:
        return f'"{column.name}" of "{scope_names[column.scope_id]}"'

    every_column = [column for item in board.scopes for column in item.columns]
    scope_id = find_scope(board, scope).id if scope else card_scope_id
    first_id = scope_id or next((item.id for item in board.scopes if item.is_default), None)
    columns = [column for column in every_column if first_id == column.scope_id or query == column.id]
    is_here = find_named(query, columns, names)
    elsewhere = find_named(query, every_column, names)
    if elsewhere and scope_id and not is_here:
        raise click.ClickException(
            f'"{scope_names[scope_id]}" has no column "{query}", which could be '
            f"{format_candidates(elsewhere, describe)}; pass --scope"
        )
    return match_one("column", query, columns if is_here or scope_id else every_column, names, describe)


def find_scope(board: Board, query: str) -> Scope:
    """Return a scope by name or id."""
    return match_one(
        "scope", query, board.scopes, lambda scope: (scope.name, scope.id), lambda scope: f'"{scope.name}"'
    )


def find_label(board: Board, query: str) -> Label:
    """Return a label by name or id."""
    return match_one(
        "label", query, board.labels, lambda label: (label.name, label.id), lambda label: f'"{label.name}"'
    )


def find_person(people: Iterable[Any], query: str) -> BoardMember:
    """Return a person by e-mail address, name, or the first name if only one person has it."""
    members: list[BoardMember] = list(people)
    is_first_name = not find_named(query, members, _names) and find_named(query, members, _first_names)
    return match_one(
        "person",
        query,
        members,
        _first_names if is_first_name else _names,
        lambda person: f"{person.name} <{person.email}>",
    )


def _names(person: BoardMember) -> Sequence[str]:
    return person.email, person.name


def _first_names(person: BoardMember) -> Sequence[str]:
    return person.name.split()[:1]


F = TypeVar("F", bound=Callable[..., Any])


@attrs.define
class CommandContext:
    """The settings and the client that a command uses.

    Attributes:
        path: The configuration file.
        url, org, workspace_slug, project_name: The values of options; None if not given.
        timeout: Seconds that a request may take; None for the client's default.
        max_retries: The maximum number of retries; None for the client's default.
    """

    path: Path = attrs.field(factory=config_file)
    url: str | None = None
    org: str | None = None
    workspace_slug: str | None = None
    project_name: str | None = None
    timeout: float | None = None
    max_retries: int | None = None
    _config: Config | None = None
    _client: Stellary | None = None

    @property
    def config(self) -> Config:
        """The saved configuration, loaded once."""
        if self._config is None:
            self._config = load_config(self.path)
        return self._config

    def save(self, **values: str | None) -> None:
        """Change values of the configuration, and save it."""
        self._config = attrs.evolve(self.config, **values)
        save_config(self.path, self._config)

    def setting(self, name: str) -> str | None:
        """Return a setting from the option, the environment or the saved configuration, in this order."""
        option = {
            "url": self.url,
            "org": self.org,
            "workspace": self.workspace_slug,
            "project": self.project_name,
        }
        stored: str | None = getattr(self.config, name)
        return option.get(name) or os.environ.get(f"STELLARY_{name.upper()}") or stored

    @property
    def client(self) -> Stellary:
        """The caller's client.

        Raises:
            click.ClickException: The caller is not logged in.
        """
        if self._client is None:
            token = os.environ.get("STELLARY_TOKEN") or self._stored_token()
            if not token:
                raise click.ClickException("log in first: stellary login")
            self._client = Stellary(
                self.setting("url"), token, timeout=self.timeout, max_retries=self.max_retries
            )
        return self._client

    def _stored_token(self) -> str | None:
        """Return the token of the saved login, which is only ever sent to the server of that login."""
        is_same_server = _normalize(self.setting("url")) == _normalize(self.config.url)
        if self.config.token and not is_same_server:
            raise click.ClickException(
                f"you are logged in at {self.config.url}; log in at {self.setting('url')} as well"
            )
        return self.config.token

    def workspace(self, slug: str | None = None) -> WorkspaceHandle[Sync]:
        """Return the handle of the workspace to work in, or of another one of its organization.

        Raises:
            click.ClickException: No workspace is selected.
        """
        client = self.client
        org, workspace = self.setting("org"), slug or self.setting("workspace")
        if not org or not workspace:
            raise click.ClickException(
                "select a workspace with --workspace ORG/SLUG, or permanently: stellary use ORG/SLUG"
            )
        return client.workspace(org, workspace)

    def project(self) -> Project:
        """Return the project to work in.

        Raises:
            click.ClickException: No project is selected, or it does not exist.
        """
        query = self.setting("project")
        if not query:
            raise click.ClickException(
                "select a project with --project KEY, or permanently: stellary use ORG/SLUG/KEY"
            )
        return find_project(self.workspace(), query)

    def project_handle(self) -> ProjectHandle[Sync]:
        """Return the handle of the project to work in."""
        return self.workspace().project(self.project())

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def _normalize(url: str | None) -> str:
    return (url or "").rstrip("/")


pass_session = click.make_pass_decorator(CommandContext)


def complete_lazily(name: str) -> Callable[..., list[CompletionItem]]:
    """Return a completion of ``stellary.cli.options``, which uses sessions, and only matters in a shell."""

    def complete(ctx: click.Context, param: click.Parameter, prefix: str) -> list[CompletionItem]:
        items: list[CompletionItem] = getattr(import_module("stellary.cli.options"), name)(ctx, param, prefix)
        return items

    return complete


def in_workspace(command: F) -> F:
    """Add the options that select a workspace to a command, and pass it the session."""
    return _add_selection(command, project=False)


def in_project(command: F) -> F:
    """Add the options that select a workspace and a project to a command, and pass it the session."""
    return _add_selection(command, project=True)


def _add_selection(command: F, *, project: bool) -> F:
    def run(session: CommandContext, *args: Any, **kwargs: Any) -> Any:
        session.org = kwargs.pop("org") or session.org
        if path := kwargs.pop("workspace"):
            select_workspace(session, path)
        if project:
            session.project_name = kwargs.pop("project") or session.project_name
        return command(session, *args, **kwargs)

    decorated: Any = pass_session(functools.update_wrapper(run, command))
    workspace_help = "The workspace, by its slug, or the slug of its organization and its own."
    decorated = ORGANIZATION(decorated)
    decorated = click.option(
        "-w",
        "--workspace",
        metavar="[ORG/]SLUG",
        shell_complete=complete_lazily("complete_workspaces"),
        help=workspace_help,
    )(decorated)
    if project:
        decorated = PROJECT(decorated)
    result: F = decorated
    return result


ORGANIZATION = click.option(
    "--org",
    metavar="SLUG",
    shell_complete=complete_lazily("complete_organizations"),
    help="The organization.",
)
PROJECT = click.option(
    "-p",
    "--project",
    metavar="KEY",
    shell_complete=complete_lazily("complete_projects"),
    help="The project, by its key or name.",
)


def select_workspace(session: CommandContext, path: str) -> None:
    """Set the workspace of a session.

    Args:
        session: The session to change.
        path: ``acme/eng``, or ``eng`` for a workspace of the current organization.
    """
    org, slash, workspace = path.rpartition("/")
    session.org = org if slash else session.org
    session.workspace_slug = workspace
