"""The core in a Flask application: its users, its database, one transaction for an order and its card.

Run it: ``python docs/examples/embedding_flask.py [DATABASE_URL]`` places an order, and prints the board.
"""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask, g, jsonify, request
from sqlalchemy import Engine, create_engine, text

from stellary import Stellary
from stellary.contract.cards import CreateCard
from stellary.contract.errors import ApiError
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import Core
from stellary.core.board import board, cards


def make_app(engine: Engine) -> Flask:
    """Create a shop whose orders are cards on a board."""
    # --8<-- [start:app]
    app = Flask(__name__)
    core = Core(engine)
    core.migrate()

    @app.before_request
    def sign_in() -> None:
        # The host identifies its users; here with a header.
        g.user = {"id": request.headers["X-User"], "email": f"{request.headers['X-User']}@example.com"}

    @app.errorhandler(ApiError)
    def handle_api_error(error: ApiError) -> tuple[Any, int]:
        return jsonify(error.to_body(request.headers.get("X-Request-Id", ""))), error.status

    # --8<-- [end:app]
    column = _set_up(core)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY, card_id TEXT)"))

    # --8<-- [start:order]
    @app.post("/orders/<int:number>")
    def order(number: int) -> tuple[dict[str, str], int]:
        with engine.begin() as connection:
            actor = core.user(external_id=g.user["id"], email=g.user["email"], connection=connection)
            new_card = CreateCard(title=f"Deliver order {number}")
            card = core.run(actor, lambda uow: cards.create_card(uow, column, new_card), connection)
            row = {"number": number, "card_id": card.id}
            connection.execute(text("INSERT INTO orders VALUES (:number, :card_id)"), row)
        return {"card": card.key}, 201

    @app.get("/board")
    def show() -> list[str]:
        actor = core.user(external_id=g.user["id"], email=g.user["email"])
        project = ProjectRef(column.org_slug, column.ws_slug, column.project_id)
        snapshot = core.run(actor, lambda uow: board.get_board(uow, project), read_only=True)
        return [card.title for card in snapshot.cards]

    # --8<-- [end:order]
    return app


def _set_up(core: Core) -> ColumnRef:
    """Create a board, and return its column for new orders."""
    owner = Stellary.embedded(core.port(core.user(external_id="owner", email="owner@example.com")))
    owner.organizations.create(name="Shop", slug="shop")
    owner.organization("shop").workspaces.create(name="Orders", slug="orders")
    project = owner.workspace("shop", "orders").projects.create(name="Deliveries")
    to_do, *_ = owner.workspace("shop", "orders").project(project).columns.list()
    return ProjectRef("shop", "orders", project.id).child(ColumnRef, to_do.id)


def main(database_url: str = "sqlite://") -> list[Any]:
    engine = create_engine(database_url)
    client = make_app(engine).test_client()
    results = [
        client.post("/orders/7", headers={"X-User": "owner"}).json,
        # A duplicate number: neither the order nor its card is created.
        client.get("/board", headers={"X-User": "owner"}).json,
        client.get("/board", headers={"X-User": "stranger"}).status_code,
    ]
    engine.dispose()
    return results


if __name__ == "__main__":
    print(*main(*sys.argv[1:]), sep="\n")
