"""What the command line remembers: where the API is, a token, and where one works. In a file that only its owner reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click

VARIABLE = "STELLARY_CONFIG"


@attrs.frozen
class Config:
    """What is remembered.

    Attributes:
        org, workspace: Slugs.
        project: A key.
    """

    url: str | None = None
    token: str | None = attrs.field(default=None, repr=False)
    org: str | None = None
    workspace: str | None = None
    project: str | None = None


def config_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is: what ``STELLARY_CONFIG`` says, or a file in the directory that the platform has for that."""
    named = environment.get(VARIABLE)
    return Path(named) if named else Path(click.get_app_dir("stellary")) / "config.json"


def remembered(path: Path) -> Config:
    """What is remembered; nothing if there is no file.

    Raises:
        click.ClickException: It is not what was written.
    """
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Config()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.ClickException(f"{path} cannot be read as JSON; delete it and log in again")
    names = {field.name for field in attrs.fields(Config)}
    return Config(**{name: text for name, text in found.items() if name in names and isinstance(text, str)})


def remember(path: Path, config: Config) -> None:
    """Remember that, in place of what was. Nobody else can read the file at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = {name: text for name, text in attrs.asdict(config).items() if text is not None}
    part = path.with_name(f".{path.name}.{os.getpid()}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            json.dump(said, opened, indent=2)
            opened.write("\n")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
