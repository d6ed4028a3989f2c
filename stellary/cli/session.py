"""A session: the client of whoever runs a command, and where they work.

What an option says wins over the environment, and that over what is remembered.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from click.shell_completion import CompletionItem

from stellary import Stellary, StellaryError
from stellary.cli.config import Config, config_file, remember, remembered
from stellary.cli.finding import one_project
from stellary.client.calling.method import Sync
from stellary.client.resources.projects import ProjectHandle
from stellary.client.resources.workspaces import WorkspaceHandle
from stellary.contract.projects import Project

F = TypeVar("F", bound=Callable[..., Any])


@attrs.define
class Session:
    """What a command works with.

    Attributes:
        path: Of the file in which things are remembered.
        url, org, workspace_slug, project_name: As options say.
        patience, retries: Seconds for a call, and how often it is tried again; as the client has them if not given.
    """

    path: Path = attrs.field(factory=config_file)
    url: str | None = None
    org: str | None = None
    workspace_slug: str | None = None
    project_name: str | None = None
    patience: float | None = None
    retries: int | None = None
    _config: Config | None = None
    _client: Stellary | None = None

    @property
    def config(self) -> Config:
        """What is remembered."""
        if self._config is None:
            self._config = remembered(self.path)
        return self._config

    def remember(self, **what: str | None) -> None:
        """Remember that as well."""
        self._config = attrs.evolve(self.config, **what)
        remember(self.path, self._config)

    def setting(self, name: str) -> str | None:
        """What an option, the environment or the memory says."""
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
            click.ClickException: Nobody has logged in.
        """
        if self._client is None:
            token = os.environ.get("STELLARY_TOKEN") or self._stored_token()
            if not token:
                raise click.ClickException("log in first: stellary login")
            self._client = Stellary(
                self.setting("url"), token, timeout=self.patience, max_retries=self.retries
            )
        return self._client

    def _stored_token(self) -> str | None:
        """The token of the login, which is meant for that server and for no other."""
        same = _plain(self.setting("url")) == _plain(self.config.url)
        if self.config.token and not same:
            raise click.ClickException(
                f"you are logged in at {self.config.url}; log in at {self.setting('url')} as well"
            )
        return self.config.token

    def workspace(self) -> WorkspaceHandle[Sync]:
        """The workspace in which the caller works.

        Raises:
            click.ClickException: Nothing says which.
        """
        client = self.client
        org, workspace = self.setting("org"), self.setting("workspace")
        if not org or not workspace:
            raise click.ClickException(
                "say which workspace, by --workspace ORG/SLUG or once for all: stellary use ORG/SLUG"
            )
        return client.workspace(org, workspace)

    def project(self) -> Project:
        """The project in which the caller works.

        Raises:
            click.ClickException: Nothing says which, or there is no such one.
        """
        named = self.setting("project")
        if not named:
            raise click.ClickException(
                "say which project, by --project KEY or once for all: stellary use ORG/SLUG/KEY"
            )
        return one_project(self.workspace(), named)

    def board(self) -> ProjectHandle[Sync]:
        """The handle of that project."""
        return self.workspace().project(self.project())

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def _plain(url: str | None) -> str:
    return (url or "").rstrip("/")


pass_session = click.make_pass_decorator(Session)


def in_workspace(command: F) -> F:
    """Give a command the option that says in which workspace, and the session."""
    return _placed(command, project=False)


def in_project(command: F) -> F:
    """The same, with the option that says in which project."""
    return _placed(command, project=True)


def _placed(command: F, *, project: bool) -> F:
    def placed(session: Session, *args: Any, **named: Any) -> Any:
        session.org = named.pop("org") or session.org
        if workspace := named.pop("workspace"):
            place(session, workspace)
        if project:
            session.project_name = named.pop("project") or session.project_name
        return command(session, *args, **named)

    made: Any = pass_session(functools.update_wrapper(placed, command))
    about = "The workspace, by the slugs of its organization and its own."
    made = click.option("--org", metavar="SLUG", help="The organization.")(made)
    made = click.option("-w", "--workspace", metavar="[ORG/]SLUG", help=about)(made)
    if project:
        made = click.option(
            "-p",
            "--project",
            metavar="KEY",
            shell_complete=projects_there,
            help="The project, by its key or name.",
        )(made)
    placed_command: F = made
    return placed_command


@contextlib.contextmanager
def _completing(ctx: click.Context) -> Iterator[Session]:
    """A session for completing a word: whoever waits for it does not wait long, and is told of no error."""
    session = Session(url=ctx.find_root().params.get("url"), patience=2, retries=0)
    session.org = ctx.params.get("org")
    if named := ctx.params.get("workspace"):
        place(session, named)
    session.project_name = ctx.params.get("project")
    with (
        contextlib.closing(session),
        contextlib.suppress(click.ClickException, StellaryError, OSError, ValueError),
    ):
        yield session


def projects_there(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The projects whose keys begin like that; none where nobody can tell."""
    there: list[CompletionItem] = []
    with _completing(ctx) as session:
        found = session.workspace().projects.iterate(archived=False)
        there += [CompletionItem(each.key, help=each.name) for each in found if _begins(each.key, begun)]
    return there


def cards_there(ctx: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """The cards on the board whose keys begin like that."""
    there: list[CompletionItem] = []
    with _completing(ctx) as session:
        found = session.board().board().cards
        there += [CompletionItem(each.key, help=each.title) for each in found if _begins(each.key, begun)]
    return there


def _begins(key: str, begun: str) -> bool:
    return key.casefold().startswith(begun.casefold())


def place(session: Session, named: str) -> None:
    """Work there from now on, in this session.

    Args:
        named: ``acme/eng``, or ``eng`` in the organization that is known.
    """
    org, slash, workspace = named.rpartition("/")
    session.org = org if slash else session.org
    session.workspace_slug = workspace
