"""A world to test in: people, the places where they belong, and calls on their behalf.

People and places are written straight into the tables, which takes a millisecond each; what a test is about goes
through the services, or through ``World.call`` as over HTTP.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import attrs
import orjson
from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.auth import User
from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import OrganizationRef, ProjectRef, WorkspaceRef
from stellary.core import Actor, Core
from stellary.core.accounts import personal, tables, tokens
from stellary.core.accounts.passwords import hash_password
from stellary.core.kernel.unit import NOBODY, UnitOfWork
from stellary.core.ports.mail import Email

T = TypeVar("T")
PASSWORD = "correct horse"
_PASSWORD_HASH = hash_password(PASSWORD, 4)


@attrs.frozen
class Person:
    """Somebody with an account, whose password is ``PASSWORD``."""

    user: User
    actor: Actor

    @property
    def id(self) -> str:
        return self.user.id

    @property
    def email(self) -> str:
        return self.user.email


@attrs.frozen
class Organization:
    """An organization that is there."""

    id: str
    slug: str

    @property
    def ref(self) -> OrganizationRef:
        return OrganizationRef(self.slug)

    @property
    def path(self) -> str:
        return self.ref.path()


@attrs.frozen
class Workspace:
    """A workspace that is there."""

    id: str
    slug: str
    organization: Organization

    @property
    def ref(self) -> WorkspaceRef:
        return WorkspaceRef(self.organization.slug, self.slug)

    @property
    def path(self) -> str:
        return self.ref.path()


@attrs.frozen
class Project:
    """A project that is there, with its columns from left to right."""

    id: str
    workspace: Workspace
    column_ids: tuple[str, ...]

    @property
    def ref(self) -> ProjectRef:
        return self.workspace.ref.child(ProjectRef, self.id)

    @property
    def path(self) -> str:
        return self.ref.path()


class StoppedClock:
    """A clock that goes on when it is told to."""

    def __init__(self, now: datetime = datetime(2026, 4, 1, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


class World:
    """Builds people and places in a core, and calls it on their behalf.

    Attributes:
        emails: What has been mailed.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.emails: list[Email] = []
        core.env.mailer = self.emails.append
        self._numbers = itertools.count(1)

    def stop_clock(self) -> StoppedClock:
        """Give the core a clock that stands still."""
        self.core.env.clock = clock = StoppedClock()
        return clock

    # ------------------------------------------------------------------------------------------ people and places

    def person(self, name: str = "ann") -> Person:
        """Somebody new, ``<name>@example.com``, with a personal organization and workspace."""
        return self.people(name)[0]

    def people(self, names: str) -> list[Person]:
        """Several at once: ``ann, bob = world.people("ann bob")``."""
        with self.core.begin(NOBODY) as uow:
            users = [
                User(
                    id=uow.new_id(),
                    email=f"{name}@example.com",
                    name=name,
                    pilotage_role="owner",
                    created_at=uow.now,
                )
                for name in names.split()
            ]
            times = {"created_at": uow.now, "updated_at": uow.now}
            account = {"password_hash": _PASSWORD_HASH, "token_generation": 0, **times}
            uow.connection.execute(
                insert(tables.users),
                [
                    {
                        **account,
                        "id": each.id,
                        "email": each.email,
                        "email_key": each.email.casefold(),
                        "name": each.name,
                    }
                    for each in users
                ],
            )
            for each in users:
                personal.create_home(uow, each.id, each.name, each.email)
        return [Person(each, Actor(each.id)) for each in users]

    def home(self, person: Person) -> Workspace:
        """Somebody's personal workspace."""
        found = select(
            tables.workspaces.c.id,
            tables.workspaces.c.slug,
            tables.organizations.c.id.label("organization_id"),
            tables.organizations.c.slug.label("organization_slug"),
        ).join_from(tables.workspaces, tables.organizations)
        with self.core.view(NOBODY) as uow:
            row = uow.connection.execute(
                found.where(tables.workspaces.c.owner_id == person.id, tables.workspaces.c.is_personal)
            ).one()
        return Workspace(row.id, row.slug, Organization(row.organization_id, row.organization_slug))

    def organization(self, owner: Person, slug: str | None = None) -> Organization:
        """An organization with that owner and nobody else."""
        with self.core.begin(NOBODY) as uow:
            return self._organization(uow, owner, slug)

    def _organization(self, uow: UnitOfWork, owner: Person, slug: str | None = None) -> Organization:
        slug = slug or f"org-{next(self._numbers)}"
        made = Organization(uow.new_id(), slug)
        times = {"created_at": uow.now, "updated_at": uow.now}
        row = {"id": made.id, "name": slug, "slug": slug, "owner_id": owner.id, **times}
        uow.connection.execute(insert(tables.organizations), row)
        _write_member(uow, made, owner, "owner")
        return made

    def workspace(
        self, owner: Person, organization: Organization | None = None, slug: str | None = None
    ) -> Workspace:
        """A workspace with that owner and nobody else; in a new organization of the owner if none is given."""
        slug = slug or f"ws-{next(self._numbers)}"
        with self.core.begin(NOBODY) as uow:
            organization = organization or self._organization(uow, owner)
            made = Workspace(uow.new_id(), slug, organization)
            uow.connection.execute(
                insert(tables.workspaces),
                {
                    "id": made.id,
                    "organization_id": organization.id,
                    "name": slug,
                    "slug": slug,
                    "owner_id": owner.id,
                    "is_personal": False,
                    "created_at": uow.now,
                    "updated_at": uow.now,
                },
            )
            self._join(uow, owner, made, "admin", "owner")
        return made

    def join_organization(self, person: Person, organization: Organization, role: str = "member") -> None:
        """Make somebody a member of an organization; who is one already stays as is."""
        with self.core.begin(NOBODY) as uow:
            _write_member(uow, organization, person, role)

    def join(
        self, person: Person, workspace: Workspace, role: str = "member", pilotage_role: str = "viewer"
    ) -> None:
        """Make somebody a member of a workspace, and of its organization if need be."""
        with self.core.begin(NOBODY) as uow:
            self._join(uow, person, workspace, role, pilotage_role)

    def _join(
        self, uow: UnitOfWork, person: Person, workspace: Workspace, role: str, pilotage_role: str
    ) -> None:
        _write_member(uow, workspace.organization, person)
        uow.connection.execute(
            insert(tables.workspace_members),
            {
                "workspace_id": workspace.id,
                "user_id": person.id,
                "role": role,
                "pilotage_role": pilotage_role,
                "created_at": uow.now,
            },
        )

    def project(
        self, person: Person, workspace: Workspace, name: str = "a project", **fields: Any
    ) -> Project:
        """A project that somebody has made, with the columns of its template."""
        made = self.ask(person, "POST", f"{workspace.path}/projects", {"name": name, **fields})
        columns = self.ask(person, "GET", f"{workspace.path}/projects/{made['id']}/columns")
        return Project(made["id"], workspace, tuple(each["id"] for each in columns))

    def card(
        self, person: Person, project: Project, title: str = "a card", column: int = 0, **fields: Any
    ) -> dict[str, Any]:
        """A card that somebody has made at the end of a column; fields by their wire names."""
        path = f"{project.path}/columns/{project.column_ids[column]}/cards"
        return self.ask(person, "POST", path, {"title": title, **fields})

    # ------------------------------------------------------------------------------------------ tokens

    def bearer(self, person: Person) -> str:
        """A JWT of somebody who has just logged in."""
        generation = select(tables.users.c.token_generation).where(tables.users.c.id == person.id)
        with self.core.view(NOBODY) as uow:
            return self.core.env.signer.issue(
                person.id, uow.connection.execute(generation).scalar_one(), uow.now
            )

    def api_token(
        self, person: Person, scopes: Sequence[str] = TOKEN_SCOPES, expires_at: datetime | None = None
    ) -> str:
        """A personal access token of somebody."""
        token = tokens.new_api_token()
        with self.core.begin(NOBODY) as uow:
            uow.connection.execute(
                insert(tables.api_tokens),
                {
                    "id": uow.new_id(),
                    "user_id": person.id,
                    "name": "test",
                    "prefix": token[:10],
                    "token_digest": tokens.digest(token),
                    "scopes": list(scopes),
                    "expires_at": expires_at,
                    "last_used_at": None,
                    "created_at": uow.now,
                },
            )
        return token

    # ------------------------------------------------------------------------------------------ calls

    def call(
        self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> RawResponse:
        """Send a request, as over HTTP but without a socket.

        Args:
            who: A person, a Bearer token, or None for somebody without a token.
            method: In capitals.
            path: With the query, if there is one.
            body: What is to be JSON, or bytes to be sent as they are.
            headers: ``if_match="3"`` stands for ``if-match``.
        """
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if isinstance(who, str):
            sent["authorization"] = f"Bearer {who}"
        if body is not None:
            sent.setdefault("content-type", "application/json")
        data = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        path, _, query = path.partition("?")
        port = self.core.port(who.actor if isinstance(who, Person) else None)
        return port.send(RawRequest(method, path, query, sent, data))

    def ask(self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to a call that has to succeed, as parsed JSON."""
        answer = self.call(who, method, path, body, **headers)
        assert 200 <= answer.status < 300, answer
        return orjson.loads(answer.body)

    def status(
        self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> int:
        """The status of the answer to a call."""
        return self.call(who, method, path, body, **headers).status


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of calls that start at the same moment, each in a thread of its own, in their order."""
    gate = threading.Barrier(len(calls))

    def started(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(started, calls))


def _write_member(uow: UnitOfWork, organization: Organization, person: Person, role: str = "member") -> None:
    """Make somebody a member; who is one already stays as is."""
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[uow.connection.dialect.name]
    uow.connection.execute(
        dialect.insert(tables.organization_members).on_conflict_do_nothing(),
        {"organization_id": organization.id, "user_id": person.id, "role": role, "created_at": uow.now},
    )


def links(email: Email) -> list[str]:
    """The links in an email."""
    return re.findall(r"https?://\S+", email.text)
