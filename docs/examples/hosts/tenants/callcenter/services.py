"""The database, the core and the API of the call center."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Flask, current_app, request
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from callcenter.accounts import provision
from callcenter.desk import Desk
from callcenter.models import Base, Member, Tenant
from stellary.contract.errors import Forbidden, Unauthenticated, Unavailable
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.flask import mount
from stellary.core import Actor, Core
from stellary.wsgi import WsgiApp

T = TypeVar("T")
NAME = "callcenter"
PREFIX = "/board"
ATTEMPTS = 3
KEY_HEADER = "X-Api-Key"
OPERATOR_KEY_MIN = 16


@dataclass(frozen=True)
class Settings:
    """The settings of the application.

    Attributes:
        operator_key: The key of those who create and delete tenants, at least 16 characters.
        jobs: Whether this process runs background jobs.
    """

    database_url: str
    operator_key: str
    files: str = "memory:"
    jobs: bool = True

    def __post_init__(self) -> None:
        # Requests without a key would have an empty one.
        if len(self.operator_key) < OPERATOR_KEY_MIN:
            raise ValueError(f"the key of the operator must have at least {OPERATOR_KEY_MIN} characters")


@dataclass(frozen=True)
class Caller:
    """The member who sends a request, and the member's tenant."""

    tenant: Tenant
    member: Member
    actor: Actor


@dataclass(frozen=True)
class Services:
    """The database, the core and the API that the views use."""

    engine: Engine
    sessions: sessionmaker[Session]
    core: Core
    api: WsgiApp
    operator_key: str

    def transact(self, work: Callable[[Session], T]) -> T:
        """Call a function with a session, and commit. Repeat it if the database aborts the transaction."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.sessions.begin() as session:
                    return work(session)
            except Unavailable:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def transact_as_caller(self, work: Callable[[Session, Caller], T]) -> T:
        """Do the same with the caller of the request."""
        return self.transact(lambda session: work(session, require_caller(self.core, session)))


def digest(key: str) -> str:
    """Return the digest by which a key is stored."""
    return hashlib.sha256(key.encode()).hexdigest()


# --8<-- [start:caller]
def find_member(session: Session) -> Member | None:
    """Return the member that the key of the request belongs to; None without a valid one."""
    key_digest = digest(request.headers.get(KEY_HEADER, ""))
    return session.scalar(select(Member).where(Member.key_digest == key_digest, Member.is_locked.is_(False)))


def require_caller(core: Core, session: Session) -> Caller:
    """Return the caller of the request.

    Raises:
        Unauthenticated: The request has no valid key.
    """
    member = find_member(session)
    if member is None:
        raise Unauthenticated(f"the header {KEY_HEADER} must be a valid key")
    tenant = session.get_one(Tenant, member.tenant_id)
    return Caller(tenant, member, provision(core, session, tenant, member))


# --8<-- [end:caller]


def check_key() -> None:
    """Refuse a request without a valid key, before its fields are read."""
    with get_services().sessions() as session:
        if find_member(session) is None:
            raise Unauthenticated(f"the header {KEY_HEADER} must be a valid key")


def require_lead(caller: Caller) -> None:
    """Check that a caller may manage members.

    Raises:
        Forbidden: The caller is no lead.
    """
    if caller.member.role != "lead":
        raise Forbidden("only leads may do that")


def add_services(app: Flask, settings: Settings) -> None:
    """Create the services of an application, and mount the API for the members of all tenants."""
    engine = create_engine(settings.database_url)
    sessions = sessionmaker(engine, expire_on_commit=False)
    core = Desk(sessions).create_core(engine, settings.files)

    def who() -> Actor | None:
        if KEY_HEADER not in request.headers:
            return None
        with sessions.begin() as session:
            return require_caller(core, session).actor

    api = mount(app, PREFIX, core, who=who, hide=LOGIN_OPERATIONS, jobs=settings.jobs)
    app.extensions[NAME] = Services(engine, sessions, core, api, settings.operator_key)


def get_services() -> Services:
    """Return the services of the current application."""
    services = current_app.extensions[NAME]
    assert isinstance(services, Services)
    return services


def migrate(services: Services) -> None:
    """Create or upgrade all tables."""
    services.core.migrate()
    Base.metadata.create_all(services.engine)


def close_services(services: Services) -> None:
    """End streams and jobs, and close all connections."""
    services.api.close()
    services.core.close()
    services.engine.dispose()
