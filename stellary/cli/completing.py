"""Completion in a shell: the names of workspaces, projects, cards, columns, scopes, labels and people, from the server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator

import click
from click.shell_completion import CompletionItem

from stellary import StellaryError
from stellary.cli.config import COMPLETIONS, write_private
from stellary.cli.session import CommandContext, select_workspace
from stellary.contract.projects import Board

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
        items: list[CompletionItem] = []
        with _completion_session(ctx) as session:
            items += _to_items(names(session, prefix, ctx.info_name == "use"), prefix)
        return items

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


def _list_organizations(session: CommandContext) -> Iterator[tuple[str, str]]:
    for organization in session.client.organizations.iterate():
        yield organization.slug, organization.name


def _complete_from_board(names: Callable[[Board], Iterable[tuple[str, str]]]) -> Complete:
    """Return a completion of names on the board of the project.

    Args:
        names: Returns the names, each with a description.
    """
    return _complete_with(lambda session, *_: names(session.project_handle().board()))


def _to_items(names: Iterable[tuple[str, str]], prefix: str) -> list[CompletionItem]:
    matches = {name: text for name, text in names if name.casefold().startswith(prefix.casefold())}
    return [CompletionItem(name, help=text) for name, text in matches.items()]


complete_projects = _complete_with(
    lambda session, *_: _load_recent(session, "projects", lambda: _list_projects(session))
)
complete_workspaces = _complete_with(_find_workspaces)
complete_organizations = _complete_with(
    lambda session, *_: _load_recent(session, "organizations", lambda: _list_organizations(session))
)
complete_cards = _complete_from_board(lambda board: ((card.key, card.title) for card in board.cards))
complete_columns = _complete_from_board(lambda board: ((column.name, "") for column in board.columns))
complete_scopes = _complete_from_board(lambda board: ((scope.name, "") for scope in board.scopes))
complete_labels = _complete_from_board(lambda board: ((label.name, "") for label in board.labels))
complete_people = _complete_from_board(
    lambda board: [("me", ""), *((member.email, member.name) for member in board.members)]
)
