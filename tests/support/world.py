"""A world for tests: people, their organizations, workspaces and projects, and calls on their behalf.

People, organizations and workspaces are inserted into the tables directly, which takes a millisecond each. The subject
of a test goes through the services, or through ``World.call`` as over HTTP.
"""

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import attrs
import orjson
from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.auth import User
from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import OrganizationRef, ProjectRef, WorkspaceRef
from stellary.core import Actor, Core
from stellary.core.accounts import authentication, joining, personal, tables
from stellary.core.accounts.email_links import create_reset_link
from stellary.core.accounts.passwords import hash_password
from stellary.core.kernel.unit import NOBODY, UnitOfWork
from stellary.core.ports.mail import Email

T = TypeVar("T")
PASSWORD = "correct horse"
_PASSWORD_HASH = hash_password(PASSWORD, 4)

# Statements that are built once are executed without SQLAlchemy: stellary/core/db/direct_connection.py.
_USER = insert(tables.users)
_ORGANIZATION = insert(tables.organizations)
_MEMBER = {
    name: dialect.insert(tables.organization_members).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_WORKSPACE = insert(tables.workspaces)
_WORKSPACE_MEMBER = insert(tables.workspace_members)
_API_TOKEN = insert(tables.api_tokens)
_HOME = (
    select(
        tables.workspaces.c.id,
        tables.workspaces.c.slug,
        tables.organizations.c.id.label("organization_id"),
        tables.organizations.c.slug.label("organization_slug"),
    )
    .join_from(tables.workspaces, tables.organizations)
    .where(tables.workspaces.c.owner_id == bindparam("owner_id"), tables.workspaces.c.is_personal)
)
_GENERATION = select(tables.users.c.token_generation).where(tables.users.c.id == bindparam("user_id"))


@attrs.frozen
class Person:
    """A user whose password is ``PASSWORD``."""

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
    """An existing organization."""

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
    """An existing workspace."""

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
    """An existing project, with its columns from left to right."""

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
    """A clock that only moves when a test advances it."""

    def __init__(self, now: datetime = datetime(2026, 4, 1, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


class World:
    """A core, the people and workspaces in it, and calls on their behalf.

    Attributes:
        emails: All sent emails.
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
        """Create a user, ``<name>@example.com``, with a personal organization and workspace."""
        return self.people(name)[0]

    def people(self, names: str) -> list[Person]:
        """Create several users: ``ann, bob = world.people("ann bob")``."""
        with self.core.begin(NOBODY) as uow:
            users = [
                User(
                    id=uow.new_id(),
                    email=f"{name}@example.com",
                    name=name,
                    pilotage_role="owner",
                    email_verified=True,
                    created_at=uow.now,
                )
                for name in names.split()
            ]
            times = {"created_at": uow.now, "updated_at": uow.now}
            account = {"password_hash": _PASSWORD_HASH, "token_generation": 0, **times}
            uow.connection.execute(
                _USER,
                [
                    {
                        **account,
                        "id": user.id,
                        "email": user.email,
                        "email_key": user.email.casefold(),
                        "name": user.name,
                    }
                    for user in users
                ],
            )
            for user in users:
                personal.create_home(uow, user.id, user.name, user.email)
        return [Person(user, Actor(user.id)) for user in users]

    def home(self, person: Person) -> Workspace:
        """Return the personal workspace of a user."""
        with self.core.view(NOBODY) as uow:
            row = uow.connection.execute(_HOME, {"owner_id": person.id}).one()
        return Workspace(row.id, row.slug, Organization(row.organization_id, row.organization_slug))

    def organization(self, owner: Person, slug: str | None = None) -> Organization:
        """Create an organization whose only member is its owner."""
        with self.core.begin(NOBODY) as uow:
            return self._organization(uow, owner, slug)

    def _organization(self, uow: UnitOfWork, owner: Person, slug: str | None = None) -> Organization:
        slug = slug or f"org-{next(self._numbers)}"
        organization = Organization(uow.new_id(), slug)
        times = {"created_at": uow.now, "updated_at": uow.now}
        row = {"id": organization.id, "name": slug, "slug": slug, "owner_id": owner.id, **times}
        uow.connection.execute(_ORGANIZATION, row)
        _write_member(uow, organization, owner, "owner")
        return organization

    def workspace(
        self, owner: Person, organization: Organization | None = None, slug: str | None = None
    ) -> Workspace:
        """Create a workspace whose only member is its owner, by default in a new organization of the owner."""
        slug = slug or f"ws-{next(self._numbers)}"
        with self.core.begin(NOBODY) as uow:
            organization = organization or self._organization(uow, owner)
            workspace = Workspace(uow.new_id(), slug, organization)
            uow.connection.execute(
                _WORKSPACE,
                {
                    "id": workspace.id,
                    "organization_id": organization.id,
                    "name": slug,
                    "slug": slug,
                    "owner_id": owner.id,
                    "is_personal": False,
                    "created_at": uow.now,
                    "updated_at": uow.now,
                },
            )
            self._join(uow, owner, workspace, "admin", "owner")
        return workspace

    def member(
        self, name: str, workspace: Workspace, role: str = "member", pilotage_role: str = "viewer"
    ) -> Person:
        """Create a user who is a member of a workspace."""
        person = self.person(name)
        self.join(person, workspace, role, pilotage_role)
        return person

    def join_organization(self, person: Person, organization: Organization, role: str = "member") -> None:
        """Make a user a member of an organization; an existing membership stays as it is."""
        with self.core.begin(NOBODY) as uow:
            _write_member(uow, organization, person, role)

    def join(
        self, person: Person, workspace: Workspace, role: str = "member", pilotage_role: str = "viewer"
    ) -> None:
        """Make a user a member of a workspace, and of its organization if necessary."""
        with self.core.begin(NOBODY) as uow:
            self._join(uow, person, workspace, role, pilotage_role)

    def _join(
        self, uow: UnitOfWork, person: Person, workspace: Workspace, role: str, pilotage_role: str
    ) -> None:
        _write_member(uow, workspace.organization, person, "guest" if role == "guest" else "member")
        if role == "guest":
            joining.mark_guests(uow, workspace.id)
        uow.connection.execute(
            _WORKSPACE_MEMBER,
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
        """Create a project on behalf of a user, with the columns of its template."""
        project = self.ask(person, "POST", f"{workspace.path}/projects", {"name": name, **fields})
        columns = self.ask(person, "GET", f"{workspace.path}/projects/{project['id']}/columns")
        return Project(project["id"], workspace, tuple(column["id"] for column in columns))

    def card(
        self, person: Person, project: Project, title: str = "a card", column: int = 0, **fields: Any
    ) -> dict[str, Any]:
        """Create a card at the end of a column on behalf of a user; fields by their wire names."""
        path = f"{project.path}/columns/{project.column_ids[column]}/cards"
        return self.ask(person, "POST", path, {"title": title, **fields})

    # ------------------------------------------------------------------------------------------ tokens

    def bearer(self, person: Person) -> str:
        """Issue a JWT to a user."""
        with self.core.view(NOBODY) as uow:
            generation = uow.connection.execute(_GENERATION, {"user_id": person.id}).scalar_one()
            return self.core.env.signer.issue(person.id, generation, uow.now)

    def api_token(
        self, person: Person, scopes: Sequence[str] = TOKEN_SCOPES, expires_at: datetime | None = None
    ) -> str:
        """Create a personal access token of a user."""
        token = authentication.new_api_token()
        with self.core.begin(NOBODY) as uow:
            uow.connection.execute(
                _API_TOKEN,
                {
                    "id": uow.new_id(),
                    "user_id": person.id,
                    "name": "test",
                    "prefix": token[:10],
                    "token_digest": authentication.digest(token),
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
            who: User, bearer token, or None to send no token.
            method: HTTP method in capitals.
            path: Path, with the query if there is one.
            body: Data to be encoded as JSON, or bytes to be sent as they are.
            headers: ``if_match="3"`` stands for ``if-match``.
        """
        fields = {name.replace("_", "-"): text for name, text in headers.items()}
        if isinstance(who, str):
            fields["authorization"] = f"Bearer {who}"
        if body is not None:
            fields.setdefault("content-type", "application/json")
        data = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        path, _, query = path.partition("?")
        port = self.core.port(who.actor if isinstance(who, Person) else None)
        return port.send(RawRequest(method, path, query, fields, data))

    def delete_for_good(self, who: Person | str, path: str) -> None:
        """Delete a workspace or an organization, and purge it and all others of the person from the trash.

        Args:
            who: A person who administers it.
            path: Its path.
        """
        self.ask(who, "DELETE", path)
        for container in self.ask(who, "GET", "/trash"):
            self.ask(who, "DELETE", f"/trash/{container['id']}")
        self.core.work.run_due()

    def ask(self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request that must succeed, and return the parsed JSON of the response."""
        response = self.call(who, method, path, body, **headers)
        assert 200 <= response.status < 300, response
        return orjson.loads(response.body)

    def error(
        self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, str]:
        """Send a request that must fail, and return the status and the message of the response."""
        response = self.call(who, method, path, body, **headers)
        assert response.status >= 400, response
        return response.status, orjson.loads(response.body)["message"]

    def reset_password(self, email: str, password: str) -> Any:
        """Set a password by a link of the operator, and return the answer."""
        link = self.core.run(NOBODY, lambda uow: create_reset_link(uow, email))
        body = {"token": link.rpartition("/")[2], "newPassword": password}
        return self.ask(None, "POST", "/auth/reset-password", body)

    def walk(self, who: Person | str | None, path: str) -> Iterator[Any]:
        """Yield the pages of a list."""
        while path:
            response = self.call(who, "GET", path)
            assert response.status == 200, response
            yield orjson.loads(response.body)
            path = response.headers.get("link", "").partition(">")[0].removeprefix("<")

    def status(
        self, who: Person | str | None, method: str, path: str, body: Any = None, **headers: str
    ) -> int:
        """Send a request, and return the status of the response."""
        return self.call(who, method, path, body, **headers).status


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Run calls simultaneously, each in a thread of its own, and return their results in order."""
    gate = threading.Barrier(len(calls))

    def start_call(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(start_call, calls))


def _write_member(uow: UnitOfWork, organization: Organization, person: Person, role: str = "member") -> None:
    """Insert a membership; an existing one stays as it is."""
    uow.connection.execute(
        _MEMBER[uow.connection.dialect.name],
        {"organization_id": organization.id, "user_id": person.id, "role": role, "created_at": uow.now},
    )


def links(email: Email) -> list[str]:
    """Return the links in an email."""
    return re.findall(r"https?://\S+", email.text)


def outcome(response: RawResponse) -> tuple[int, str | None]:
    """Return the status of a response, and the code of its error."""
    return response.status, orjson.loads(response.body).get("code")
