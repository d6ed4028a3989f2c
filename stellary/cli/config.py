"""The saved configuration: the API's URL, a token, and the selected workspace and project, in a private file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

from stellary.client.calling.target import open_target

VARIABLE = "STELLARY_CONFIG"
COMPLETIONS = "completions.json"
"""The file beside it with the names that a shell has offered recently."""


@attrs.frozen
class Config:
    """The contents of the configuration file.

    Attributes:
        url: The URL of the API.
        token: The access token of the login.
        org, workspace: Slugs of the selected workspace.
        project: Key of the selected project.
    """

    url: str | None = None
    token: str | None = attrs.field(default=None, repr=False)
    org: str | None = None
    workspace: str | None = None
    project: str | None = None


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the file: ``STELLARY_CONFIG``, else in the platform's configuration directory."""
    path = environment.get(VARIABLE)
    return Path(path) if path else Path(click.get_app_dir("stellary")) / "config.json"


def load_config(path: Path) -> Config:
    """Return the saved configuration; an empty one if there is no file.

    Raises:
        click.ClickException: The file is not valid JSON.
    """
    try:
        data: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Config()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise click.ClickException(f"{path} cannot be read as JSON; delete it and log in again")
    names = {field.name for field in attrs.fields(Config)}
    return Config(**{name: text for name, text in data.items() if name in names and isinstance(text, str)})


def save_config(path: Path, config: Config) -> None:
    """Replace the configuration file."""
    write_private(path, {name: text for name, text in attrs.asdict(config).items() if text is not None})


def write_private(path: Path, values: Mapping[str, object]) -> None:
    """Replace a file by JSON atomically. No other user can read it at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_target(path, mode=0o600) as file:
        file.write(f"{json.dumps(values, indent=2)}\n".encode())
