"""A bicycle workshop: customers order repairs, which are cards of a board."""

from __future__ import annotations

from flask import Flask

from repairs import accounts, commands, orders
from repairs.services import Settings, add_services


# --8<-- [start:create_app]
def create_app(settings: Settings | None = None) -> Flask:
    """Create the application.

    Args:
        settings: Its settings. By default, those of the environment.
    """
    settings = settings or Settings.from_environment()
    app = Flask(__name__)
    app.secret_key = settings.secret_key
    app.config.from_mapping(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_SECURE=settings.is_https)
    app.before_request(accounts.check_csrf_token)
    app.register_blueprint(accounts.blueprint)
    app.register_blueprint(orders.blueprint)
    commands.add_commands(app)
    add_services(app, settings)
    return app


# --8<-- [end:create_app]
