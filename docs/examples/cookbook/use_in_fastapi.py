"""Use the client in FastAPI.

One asynchronous client serves all requests of the application, and is closed with it. To run the core inside the application, without a
server, see [Embedding](../guides/embedding.md).
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request

from stellary import AsyncStellary, NotFound


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    async with AsyncStellary() as app.state.stellary:  # STELLARY_URL and STELLARY_TOKEN
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/cards/{project}/{key}")
async def show_card(request: Request, project: str, key: str) -> dict[str, str | None]:
    ws = request.app.state.stellary.workspace()  # STELLARY_ORG and STELLARY_WORKSPACE
    try:
        card = await ws.project(project).cards.get(key)
    except NotFound as error:
        raise HTTPException(404, "no such card") from error
    return {"title": card.title, "status": card.status}
