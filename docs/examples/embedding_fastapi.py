"""The core in a FastAPI application that uses SQLAlchemy's ORM: the core joins the session of the host.

Run it: ``python docs/examples/embedding_fastapi.py [DATABASE_URL]`` reports a bug, and prints the board.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from stellary import Stellary
from stellary.contract.cards import CreateCard
from stellary.contract.errors import ApiError
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import Core
from stellary.core.board import board, cards


class Base(DeclarativeBase):
    pass


class Bug(Base):
    """A row of the host that refers to a card of the core."""

    __tablename__ = "bugs"
    id: Mapped[int] = mapped_column(primary_key=True)
    card_id: Mapped[str]


# --8<-- [start:session]
def open_session(request: Request) -> Iterator[Session]:
    with Session(request.app.state.engine) as session, session.begin():
        yield session


# --8<-- [end:session]
def make_app(engine: Engine) -> FastAPI:
    """Create an application whose users report bugs."""
    # --8<-- [start:app]
    app = FastAPI()
    app.state.engine = engine
    core = Core(engine)
    core.migrate()
    Base.metadata.create_all(engine)

    @app.exception_handler(ApiError)
    def handle_api_error(request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.to_body(request.headers.get("x-request-id", "")), error.status)

    # --8<-- [end:app]
    column = _set_up(core)

    # --8<-- [start:report]
    @app.post("/bugs", status_code=201)
    def report(
        title: str,
        user: Annotated[str, Header()],
        # By default, FastAPI would commit only after the response.
        session: Annotated[Session, Depends(open_session, scope="function")],
    ) -> dict[str, str]:
        connection = session.connection()
        actor = core.user(external_id=user, email=f"{user}@example.com", connection=connection)
        card = core.run(
            actor, lambda uow: cards.create_card(uow, column, CreateCard(title=title)), connection
        )
        session.add(Bug(card_id=card.id))
        return {"card": card.key}

    @app.get("/board")
    def show(user: Annotated[str, Header()]) -> list[str]:
        actor = core.user(external_id=user, email=f"{user}@example.com")
        project = ProjectRef(column.org_slug, column.ws_slug, column.project_id)
        snapshot = core.run(actor, lambda uow: board.get_board(uow, project), read_only=True)
        return [card.title for card in snapshot.cards]

    # --8<-- [end:report]
    return app


def _set_up(core: Core) -> ColumnRef:
    """Create a board, and return its column for new bugs."""
    owner = Stellary.embedded(core.port(core.user(external_id="owner", email="owner@example.com")))
    owner.organizations.create(name="Product", slug="product")
    owner.organization("product").workspaces.create(name="Support", slug="support")
    project = owner.workspace("product", "support").projects.create(name="Bugs")
    to_do, *_ = owner.workspace("product", "support").project(project).columns.list()
    return ProjectRef("product", "support", project.id).child(ColumnRef, to_do.id)


async def send(app: FastAPI, user: str, method: str, path: str, **params: str) -> Any:
    """Call the application without a socket, and return its response."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://product") as client:
        response = await client.request(method, path, params=params, headers={"user": user})
        return response.json()


async def run_requests(app: FastAPI) -> list[Any]:
    return [
        await send(app, "owner", "POST", "/bugs", title="It burns"),
        (await send(app, "owner", "POST", "/bugs", title=" "))["message"],
        await send(app, "owner", "GET", "/board"),
        (await send(app, "stranger", "GET", "/board"))["statusCode"],
    ]


def main(database_url: str | None = None) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        # Use a file, since FastAPI runs in several threads, and an in-memory SQLite database belongs to one connection.
        engine = create_engine(database_url or f"sqlite:///{Path(folder) / 'product.db'}")
        results = asyncio.run(run_requests(make_app(engine)))
        with Session(engine) as session:
            results.append(session.query(Bug).count())
        engine.dispose()
    return results


if __name__ == "__main__":
    print(*main(*sys.argv[1:]), sep="\n")
