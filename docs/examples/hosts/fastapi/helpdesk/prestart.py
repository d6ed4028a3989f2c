"""The step before each start: it migrates both schemas, and creates the workspace. Run it: ``python -m helpdesk.prestart``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from helpdesk.board import create_core, set_up
from helpdesk.settings import Settings

ROOT = Path(__file__).parent.parent


# --8<-- [start:prestart]
def prepare(settings: Settings) -> None:
    """Bring the database up to date: the tables of the core first, since tickets refer to cards."""
    core = create_core(settings)
    core.migrate()
    command.upgrade(create_config(settings), "head")
    set_up(core)
    core.close()


# --8<-- [end:prestart]


def create_config(settings: Settings) -> Config:
    """Return the configuration of Alembic for a database."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = settings.database_url
    return config


if __name__ == "__main__":
    prepare(Settings.from_environment())
