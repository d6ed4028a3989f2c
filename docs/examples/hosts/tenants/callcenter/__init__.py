"""A call center for many companies: each is a tenant, whose tickets are cards of a board of its own."""

from __future__ import annotations

from flask import Flask

from callcenter import members, operations, tickets
from callcenter.services import Settings, add_services


def create_app(settings: Settings) -> Flask:
    """Create the application."""
    app = Flask(__name__)
    for module in (operations, members, tickets):
        app.register_blueprint(module.blueprint)
    add_services(app, settings)
    return app
