"""A command that makes a user a member of the staff, who may use the board: ``python -m helpdesk.promote EMAIL``."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import update

from helpdesk.database import create_engine
from helpdesk.models import User
from helpdesk.settings import Settings


async def promote(settings: Settings, email: str) -> bool:
    """Make a user a member of the staff. Return whether there is one with this address."""
    engine = create_engine(settings.database_url)
    async with engine.begin() as connection:
        statement = update(User).where(User.email == email.casefold()).values(is_staff=True)
        result = await connection.execute(statement.returning(User.id))
        user_id = result.scalar()
    await engine.dispose()
    return user_id is not None


if __name__ == "__main__":
    if not asyncio.run(promote(Settings.from_environment(), sys.argv[1])):
        sys.exit(f"no user has the address {sys.argv[1]}")
