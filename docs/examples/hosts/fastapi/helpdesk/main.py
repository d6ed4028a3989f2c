"""The application: its routes, and below ``/board`` the API of the core.

Run it::

    export SECRET_KEY=...  # at least 32 bytes
    python -m helpdesk.prestart
    python -m helpdesk.promote EMAIL  # makes a user a member of the staff
    uvicorn helpdesk.main:create_app --factory
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from sqlalchemy.ext.asyncio import async_sessionmaker

from helpdesk.board import create_core, get_actor
from helpdesk.database import create_engine
from helpdesk.routes import router
from helpdesk.security import find_user
from helpdesk.settings import Settings
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.fastapi import mount
from stellary.core import Actor


# --8<-- [start:app]
def create_app(settings: Settings | None = None) -> FastAPI:
    """Create the application of a process."""
    settings = settings or Settings.from_environment()
    core = create_core(settings)
    engine = create_engine(settings.database_url)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        yield
        # The API has stopped before this.
        core.close()
        await engine.dispose()

    async def who(request: Request) -> Actor | None:
        async with sessions() as session:
            user = await find_user(request, session)
        if user is not None and not user.is_staff:
            # A member may read all cards. Customers use the routes, which show them their own tickets.
            raise HTTPException(403, "The board is for the staff")
        return None if user is None else await asyncio.to_thread(get_actor, core, user)

    app = FastAPI(title="Help desk", lifespan=lifespan)
    app.state.settings, app.state.core, app.state.sessions = settings, core, sessions
    app.include_router(router)
    mount(app, "/board", core, who=who, hide=LOGIN_OPERATIONS, jobs=settings.runs_jobs)
    return app


# --8<-- [end:app]
