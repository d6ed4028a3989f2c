"""Core: the way in. Engine, clock, ids, secrets and mailer go in; units of work come out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine

from stellary.contract.port import RawRequest, RawResponse
from stellary.core import migrations
from stellary.core.accounts.authentication import touch
from stellary.core.accounts.hosted import map_user
from stellary.core.accounts.login_attempts import LoginAttempts
from stellary.core.accounts.users import id_by_address
from stellary.core.agents import proposing
from stellary.core.agents.brains import Brain, RulesBrain
from stellary.core.agents.models import ModelBrain
from stellary.core.api import dispatch, reactions
from stellary.core.api.authentication import authenticate_bearer
from stellary.core.api.job_runner import HANDLERS, JobRunner
from stellary.core.board import attachments
from stellary.core.db.base import Clock, Ids, IdSource, check_ids, system_clock
from stellary.core.db.database import Database
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.host_connection import Borrowing, OnCommit
from stellary.core.kernel.claims import ClaimOwner
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.signer import Signer
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.notifications import stream
from stellary.core.ports.blobs import Blobs
from stellary.core.ports.mail import Mailer, log_email
from stellary.core.ports.planner import Planner
from stellary.core.ports.webhook_sender import WebhookSender
from stellary.core.streaming.relay import Relay
from stellary.core.webhooks.worker import WebhookWorker
from stellary.core.wizard.reader import BriefReader

if TYPE_CHECKING:
    from stellary.core.api.backups import Backup, Named

T = TypeVar("T")


class Core:
    """The domain over one database.

    Args:
        database: ``sqlite:///stellary.db``, ``postgresql://…`` as libpq spells it, or an ``Engine`` of yours.
        jwt_secret: Signs logins; 32 bytes or more. Without one, logins hold as long as this object.
        jwt_lifetime: How long a login holds; 7 days.
        bcrypt_rounds: Cost of a password hash; 12 takes about 0.3 s.
        mailer: Takes emails (invitations); without one they are logged.
        public_url: Where people reach the product; stands in emails.
        clock: Says now, in UTC.
        ids: Makes ids of 24 lower-case hex digits, each time another one.
        planner: Asks the questions of project drafts and makes their roadmaps; without one, what is built in reads the
            brief itself, without a model. One that has a ``close`` is closed with the core.
        webhook_sender: Brings the messages of webhooks; without one they wait.
        private_webhooks: Whether webhooks may lead to addresses that are not public.
        blobs: Where files are kept: a folder, ``s3://bucket/prefix``, or a ``Blobs``. Without one they are in memory,
            as long as this object.
        brains: Who thinks for agents, by their ``runtime``, in place of those that come with the package.
        direct_database: The URL of the same PostgreSQL past PgBouncer, for LISTEN, migrations and backups; ``database``.

    Raises:
        ValueError: A URL is of no database that we know; or ``ids`` makes something else than ids, or the same one twice.
    """

    def __init__(
        self,
        database: str | Engine,
        *,
        jwt_secret: str | None = None,
        jwt_lifetime: timedelta = timedelta(days=7),
        bcrypt_rounds: int = 12,
        mailer: Mailer = log_email,
        public_url: str = "http://localhost:3001",
        clock: Clock = system_clock,
        ids: IdSource | None = None,
        planner: Planner | None = None,
        webhook_sender: WebhookSender | None = None,
        private_webhooks: bool = False,
        blobs: Blobs | str | PathLike[str] = "memory:",
        brains: Mapping[str, Brain] | None = None,
        direct_database: str | None = None,
    ) -> None:
        own_ids = Ids() if ids is None else check_ids(ids)
        self.env = Environment(
            clock=clock,
            new_id=own_ids,
            signer=Signer(jwt_secret or secrets.token_hex(32), jwt_lifetime),
            bcrypt_rounds=bcrypt_rounds,
            mailer=mailer,
            public_url=public_url.rstrip("/"),
            planner=planner or BriefReader(),
            webhook_sender=webhook_sender,
            private_webhooks=private_webhooks,
            blobs=blobs if isinstance(blobs, Blobs) else Blobs(fspath(blobs)),
            watermark=stream.commit_watermark(),
            brains={"built_in": RulesBrain(), "model": ModelBrain(), **(brains or {})},
            actions=dispatch.ACTIONS,
            services=dispatch.SERVICES,
        )
        self.units = Units(
            Database(database, direct_database), self.env, reactions.settle, seeds_ids=ids is None
        )
        self._borrowing: Borrowing | None = None
        self.login_attempts = LoginAttempts(self.units)
        self.relay = Relay(self.units)
        self.claims = ClaimOwner(self.units)
        self.work = JobRunner(self.units, self.claims, HANDLERS)
        self.webhook_worker = WebhookWorker(self.units, self.claims)

    @property
    def database(self) -> Database:
        """The database in which the units work."""
        return self.units.database

    def migrate(self) -> None:
        """Bring the schema up to date. Of several processes that do so at once one works and the others wait for it."""
        with self.database.migrating() as connection:
            migrations.upgrade(connection)

    def probe(self) -> None:
        """Try a write, and take it back. Raises whatever the database says if it cannot be written."""
        with suppress(_TakenBack), self.database.writing() as connection:
            migrations.touch(connection)
            raise _TakenBack

    def sweep(self) -> int:
        """Delete the files that no attachment has named for an hour; how many that were.

        They are those of deleted cards, projects and organizations, and what was left behind by a process that died.
        Counts of failed logins that no longer matter are deleted as well.
        The server does it at its start and then every hour; who embeds the core calls it now and then.

        Raises:
            Unavailable: The store or the database does not answer.
        """
        self.login_attempts.sweep()
        return attachments.sweep(self.units, proposing.find_pending_blobs)

    def back_up(self, folder: str | PathLike[str], also: Sequence[str | PathLike[str]] = ()) -> Backup:
        """Copy the database as of one moment, and every file that it names, into a new folder, while others write.

        Args:
            folder: That is not there yet; it appears once it is whole.
            also: Files of yours to lay beside, as far as they are there.

        Raises:
            BackupFailed: It is there already, the database cannot be copied, or ``pg_dump`` is missing.
            OSError: Something cannot be read or written.
            Unavailable: The store or the database does not answer.
        """
        # Here, since most processes never make one.
        from stellary.core.api import backups

        paths = [Path(fspath(each)) for each in also]
        return backups.back_up(self.database, self.env.blobs, self._named_files, Path(fspath(folder)), paths)

    def _named_files(self, connection: Connection) -> Named:
        with self.view(NOBODY, connection) as uow:
            return attachments.all_files(uow) | proposing.find_all_files(uow)

    def close(self) -> None:
        """Close all connections."""
        for each in (*self.env.brains.values(), self.env.planner):
            end = getattr(each, "close", None)
            if end is not None:
                end()
        self.claims.close()
        self.database.close()

    @contextmanager
    def begin(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit of work that may write: committed at the end of the block, undone on an exception.

        The block cannot be repeated, so that a change that the database aborts in favour of another one fails here. Prefer
        ``run``, which tries again.

        Args:
            actor: On whose behalf.
            connection: One of yours, in a transaction that you commit: the unit joins it. (Of an ORM session:
                ``session.connection()``.)

        Raises:
            Unavailable: The database was busy for too long, away, or aborted the unit in favour of another one.
            ApiError: The database has refused a statement of ours; its own error is the cause.
        """
        with raise_api_errors(), self.units.transaction(actor, connection) as uow:
            yield uow

    @contextmanager
    def borrowed(self, driver_connection: Any, on_commit: OnCommit) -> Iterator[Connection]:
        """A connection of a host that does not use SQLAlchemy, as ``begin``, ``view`` and ``user`` take it.

        Args:
            driver_connection: Of ``sqlite3`` or ``psycopg``, to the core's database, in a transaction that the host
                commits; it is neither committed, rolled back nor closed here.
            on_commit: Called with what is to be done after the host's commit, such as Django's ``transaction.on_commit``.

        Raises:
            RuntimeError: It is None, or in no transaction: what is written on it, rows of the host's included, would be
                lost, since nobody would commit it. A connection of ``psycopg`` without autocommit may be idle.
        """
        if self._borrowing is None:
            self._borrowing = Borrowing(self.database.engine.url)
        with self._borrowing.borrowed(driver_connection, on_commit) as connection:
            yield connection

    @contextmanager
    def view(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit of work that only reads, and sees one moment throughout.

        Args:
            actor: On whose behalf.
            connection: One of yours, whose transaction is read in.

        Raises:
            Unavailable: The database was busy for too long, or away.
        """
        with raise_api_errors(), self.units.read(actor, connection) as uow:
            yield uow

    def run(
        self,
        actor: Actor,
        work: Callable[[UnitOfWork], T],
        connection: Connection | None = None,
        *,
        read_only: bool = False,
    ) -> T:
        """Call a function with a unit of work, and commit what it did.

        Databases abort transactions that get in each other's way (a deadlock, a serialization failure). The function is
        then called again, with a new unit, up to 20 times in all; so it must have no effect but through the unit, or none
        that may not be repeated.

        Args:
            actor: On whose behalf.
            work: Called with the unit, once per try. What it returns is returned.
            connection: One of yours, in a transaction that you commit: the unit joins it. It is then tried once, since what
                the database aborts is your whole transaction: repeat that on ``Unavailable``.
            read_only: Whether the unit only reads, and sees one moment throughout, as with ``view``.

        Returns:
            What the function returned in the try that was committed.

        Raises:
            Unavailable: Each try was aborted; or the database was busy for too long, or away.
            ApiError: Whatever a service has refused; or the database a statement of ours, with its error as the cause.
        """
        with raise_api_errors():
            return self.units.run(work, actor, connection, read_only=read_only)

    def authenticate(self, bearer: str) -> Actor:
        """Whose token that is: a JWT, a personal access token, or an agent's own.

        Raises:
            Unauthenticated: It is neither, or no longer good.
        """
        with raise_api_errors(), self.database.reading() as connection:
            return authenticate_bearer(connection, bearer, self.env)[0]

    def user(
        self,
        *,
        external_id: str,
        email: str | None = None,
        name: str | None = None,
        connection: Connection | None = None,
    ) -> Actor:
        """Return the actor that stands for a user of the host's own accounts. Made at the first call, then kept in step.

        Args:
            external_id: By which the host knows the user; 1-200 characters.
            email: At most 254 characters with an @, unique without regard to case. None keeps the address; on creation,
                the user gets one in the reserved domain ``users.invalid``.
            name: 1-100 characters. None keeps the name; on creation, the local part of the address is used, or the
                external id.
            connection: One of yours, in a transaction that you commit.

        Raises:
            Invalid: The id, the address or the name cannot be one.
            Conflict: The address is another user's.
            Unavailable: The database was busy for too long, or away.
        """
        with raise_api_errors():
            return map_user(self.units, external_id, email, name, connection)

    def known_by(self, email: str) -> Actor | None:
        """The actor of an e-mail address, for whoever runs the core; None if it is nobody's."""
        with self.view(NOBODY) as uow:
            user_id = id_by_address(uow, email)
        return None if user_id is None else Actor(user_id)

    def touch(self, actor: Actor) -> None:
        """Note that the actor's API token was used now."""
        with self.database.writing() as connection:
            touch(connection, actor, self.env.clock())

    def port(self, actor: Actor | None = None) -> EmbeddedPort:
        """A port for ``Stellary.embedded``: request bytes in, answer bytes out, no socket.

        Args:
            actor: On whose behalf; without one, each request's Bearer token says.
        """
        return EmbeddedPort(self.units, actor)


class _TakenBack(Exception):
    """Ends a unit of which nothing is to be kept."""


class EmbeddedPort:
    """The API in process: the same router, authentication and validation as over HTTP."""

    def __init__(self, units: Units, actor: Actor | None) -> None:
        self._units = units
        self._actor = actor

    def send(self, request: RawRequest, /) -> RawResponse:
        """Answer a request in the calling thread."""
        return dispatch.answered_whole(self._units, request, self._actor)

    def stream(self, request: RawRequest, /) -> RawResponse:
        """Answer a request that asks for a stream: its blocks come as things happen, in the thread that reads them."""
        return dispatch.answered_in_blocks(self._units, request, self._actor)

    def close(self) -> None:
        """Nothing to close: the core belongs to whoever made it."""
