"""The environment of Alembic: it runs the migrations of the help desk's own tables."""

from __future__ import annotations

import asyncio

from alembic import context
from helpdesk.database import create_engine
from helpdesk.models import Base
from helpdesk.settings import Settings
from sqlalchemy import Connection

from stellary.core.migrations import include_name


# --8<-- [start:run]
def run_migrations(connection: Connection) -> None:
    # Without include_name, the next migration would drop the tables of the core.
    context.configure(connection, target_metadata=Base.metadata, include_name=include_name)
    with context.begin_transaction():
        context.run_migrations()


async def connect() -> None:
    database_url = context.config.attributes.get("database_url") or Settings.from_environment().database_url
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
    await engine.dispose()


asyncio.run(connect())
# --8<-- [end:run]
