"""The API as an ASGI application, mounted beside routes of Starlette.

Run it: ``python docs/examples/mounted_asgi.py`` sends requests to the application, and leaves no files behind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

# --8<-- [start:mount]
from stellary.asgi import AsgiApp
from stellary.core import Core

core = Core("sqlite://", jwt_secret="32 bytes or more, from your own settings")
core.migrate()
api = AsgiApp(core)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    # Frameworks do not run the lifespan of mounted applications.
    async with api.running():
        yield


app = Starlette(routes=[Mount("/pm", api)], lifespan=lifespan)
# Without a framework: uvicorn module:api
# --8<-- [end:mount]

with TestClient(app) as client:
    print(client.get("/pm/health/ready").text)
core.close()
