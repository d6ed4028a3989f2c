"""The database, the core and the API of an application."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar

from flask import Flask, current_app
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from repairs.board import configure
from repairs.login import find_actor, is_active
from stellary.contract.errors import Unavailable
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.flask import mount
from stellary.core import Core
from stellary.wsgi import WsgiApp

T = TypeVar("T")
NAME = "repairs"
PREFIX = "/board"
ATTEMPTS = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """The settings of an application.

    Attributes:
        secret_key: The key that signs cookies.
        files: The folder of attachments.
        public_url: The URL of the board, for links in emails.
    """

    secret_key: str
    database_url: str = "sqlite:///repairs.sqlite3"
    files: str = "attachments"
    public_url: str = "http://localhost:8000/board"

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https:")

    @staticmethod
    def from_environment() -> Settings:
        """Return the settings in environment variables; ``SECRET_KEY`` is required."""
        names = {field.name: field.name.upper() for field in fields(Settings)}
        return Settings(**{name: os.environ[key] for name, key in names.items() if key in os.environ})


# --8<-- [start:services]
@dataclass(frozen=True)
class Services:
    """The database, the core and the API that the views of an application use."""

    engine: Engine
    sessions: sessionmaker[Session]
    core: Core
    api: WsgiApp

    def transact(self, work: Callable[[Session], T]) -> T:
        """Call a function with a session, and commit. Repeat it if the database aborts the transaction."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.sessions.begin() as session:
                    return work(session)
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
                _log.warning("the transaction is repeated", exc_info=True)
        raise AssertionError("unreachable")


def add_services(app: Flask, settings: Settings) -> None:
    """Create the services of an application, and mount the API."""
    engine = create_engine(settings.database_url)
    core = Core(
        engine,
        blobs=settings.files,
        registration="closed",
        public_url=settings.public_url,
    )
    configure(core)
    api = mount(
        app,
        PREFIX,
        core,
        who=lambda: find_actor(get_services()),
        is_active=lambda external_id: is_active(get_services(), external_id),
        hide=LOGIN_OPERATIONS,
    )
    app.extensions[NAME] = Services(engine, sessionmaker(engine), core, api)


def get_services() -> Services:
    """Return the services of the current application."""
    services = current_app.extensions[NAME]
    assert isinstance(services, Services)
    return services


def close_services(app: Flask) -> None:
    """End streams and jobs, and close all connections."""
    services = app.extensions[NAME]
    assert isinstance(services, Services)
    services.api.close()
    services.core.close()
    services.engine.dispose()


# --8<-- [end:services]
