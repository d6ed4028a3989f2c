"""The context of a command: the caller's client, and the workspace and project to work in.

Options take precedence over environment variables, and these over the saved configuration.
"""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import click

from stellary import Stellary
from stellary.cli.config import Config, config_file, load_config, save_config
from stellary.cli.finding import find_card, find_project
from stellary.cli.output import JsonOptions
from stellary.client.calling.method import Sync
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.contract.cards import Card
from stellary.contract.projects import Board, Project


@attrs.define
class CommandContext:
    """The settings and the client that a command uses.

    Attributes:
        path: The configuration file.
        url, org, workspace_slug, project_name: The values of options; None if not given.
        timeout: Seconds that a request may take; None for the client's default.
        max_retries: The maximum number of retries; None for the client's default.
        json: The options for JSON output.
    """

    path: Path = attrs.field(factory=config_file)
    url: str | None = None
    org: str | None = None
    workspace_slug: str | None = None
    project_name: str | None = None
    timeout: float | None = None
    max_retries: int | None = None
    json: JsonOptions = attrs.field(factory=JsonOptions)
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

    def load_card(self, query: str) -> tuple[ProjectHandle[Sync], Board, Card]:
        """Return the handle of the selected project, its board, and the card that a text names."""
        project = self.project_handle()
        board = project.board()
        return project, board, find_card(project, query, board)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()


def _normalize(url: str | None) -> str:
    return (url or "").rstrip("/")


pass_session = click.make_pass_decorator(CommandContext)


def select_workspace(session: CommandContext, path: str) -> None:
    """Set the workspace of a session.

    Args:
        session: The session to change.
        path: ``acme/eng``, or ``eng`` for a workspace of the current organization.
    """
    org, slash, workspace = path.rpartition("/")
    session.org = org if slash else session.org
    session.workspace_slug = workspace
