"""Core: the object that applications embed. It takes the database, clock, secrets and mailer, and opens units of work."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from sqlalchemy import Connection, Engine

from stellary._tracing import is_imported
from stellary.contract.roles import Registration
from stellary.core import migrations
from stellary.core.accounts.authentication import touch
from stellary.core.accounts.login_attempts import LoginAttempts
from stellary.core.agents import proposing
from stellary.core.agents.brains import Brain, RulesBrain, add_fallback
from stellary.core.agents.models import AllowedModels, ModelBrain
from stellary.core.api import dispatch, reactions
from stellary.core.api.authentication import authenticate_bearer
from stellary.core.api.embedded_port import EmbeddedPort
from stellary.core.api.host_accounts import HostAccounts
from stellary.core.api.host_jobs import HostHandlers, add_channels, list_delays
from stellary.core.api.job_runner import HANDLERS, JobHandler, JobRunner, LongRunningJob
from stellary.core.api.measures import Measure, measure
from stellary.core.api.retention import CONTENT_RULES, RULES
from stellary.core.automations.triggers import Trigger, build_triggers
from stellary.core.board import attachments
from stellary.core.board.rules.schedules import find_zone
from stellary.core.db.base import Clock, Ids, IdSource, check_ids, system_clock
from stellary.core.db.database import Database
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.host_connection import Borrowing, OnCommit
from stellary.core.db.replicas import open_replicas
from stellary.core.kernel import trash
from stellary.core.kernel.actions import AnyAction, add_host_actions
from stellary.core.kernel.claims import ClaimOwner
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.item_memory import ItemMemory
from stellary.core.kernel.owned_blobs import OwnedBlobs
from stellary.core.kernel.retention import apply_rules
from stellary.core.kernel.retention_days import Retention
from stellary.core.kernel.signals import Signals
from stellary.core.kernel.signer import Signer
from stellary.core.kernel.tracing import UnitSpans, trace_statements
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.unit_times import UnitObserver
from stellary.core.kernel.units import Units
from stellary.core.notifications import stream
from stellary.core.notifications.channels import Channel, MessageChannel
from stellary.core.ports.blob_stores import MEMORY, open_blobs
from stellary.core.ports.blobs import Blobs
from stellary.core.ports.mail import Mailer, log_email
from stellary.core.ports.model_budgets import ModelBudgets
from stellary.core.ports.planner import Planner
from stellary.core.ports.webhook_sender import WebhookSender
from stellary.core.streaming.relay import Relay
from stellary.core.webhooks.worker import WebhookWorker
from stellary.core.wizard.reader import BriefReader

if TYPE_CHECKING:
    from stellary.core.api.backups import Backup, FileIndex

T = TypeVar("T")
_LISTED_CARDS_OF_SCHEMA = 4 << 20
"""The size of the cards that a core of a schema remembers for lists, in bytes."""


class Core(HostAccounts, HostHandlers):
    """The domain of Stellary over one database: the object that a host application embeds.

    Create one per process, and call ``close`` at the end. All methods may be called from any thread. A core that was
    created before a fork can be used in the child.

    Args:
        database: ``sqlite:///stellary.db``, ``postgresql://…`` as libpq spells it, or a SQLAlchemy ``Engine`` of yours,
            which ``close`` does not dispose of.
        jwt_secret: The key that signs logins, at least 32 bytes. By default a random key, so that logins end with this
            object, second factors are stored in plain text, and workspaces cannot set keys of models.
        jwt_lifetime: How long a login is valid. Default: 7 days.
        former_jwt_secrets: The keys before ``jwt_secret``, with which second factors and keys of models may still be
            encrypted. Default: none.
        bcrypt_rounds: The cost of a password hash; each step doubles it. Default: 12, about 0.3 s.
        registration: Who may create an account with ``auth.register``: everyone (``open``), people whose address has a
            pending invitation (``invited``), or nobody (``closed``). ``user`` creates users in any case. Default: ``open``.
        verify_email: Whether the owner of an account created with ``auth.register`` has to confirm the address before
            others can add the account by it. Default: False.
        trash_days: The number of days that deleted items can be restored. Default: 30.
        retention: The numbers of days for which other rows are kept, such as read notifications. Default: ``Retention()``.
        mailer: Sends an ``Email`` (invitations). By default, emails are logged, and the response to an invitation contains its
            token.
        public_url: The URL at which people reach the product, for the links in emails.
        clock: Returns the current time in UTC. By default, the system clock.
        ids: Returns a new id of 24 lower-case hex digits at each call. By default, ids sort by creation.
        planner: Asks the questions of project drafts and creates their roadmaps. By default, a built-in planner that
            uses no language model. ``close`` closes a planner that has a method of that name.
        webhook_sender: Sends webhook messages. By default, messages stay queued.
        private_webhooks: Whether webhooks may have receivers at addresses that are not public, and at any port. Default: False.
        webhook_ports: The ports at which webhooks may have receivers, besides 80 and 443. Default: none.
        blobs: The store of attachments: a folder, ``s3://bucket/prefix``, or a ``Blobs`` of your own. By default they
            are kept in memory, as long as this object.
        agent_models: The language models that agents may use, such as ``openai:gpt-5-mini``; or a mapping of them to who
            may use them: ``all``, ``admins`` of the organization, or a list of workspaces as ``acme/eng``. Default: none.
        model_budgets: The numbers of tokens that missions, drafts and workspaces may use. Default: ``ModelBudgets()``.
        brains: The brains of agents by ``runtime``; they replace or extend ``built_in`` and ``model``, which
            ``built_in_else_model`` combines.
        actions: Actions that automations, agents, approvals and MCP run by name, beside the built-in ones. The policy of
            the endpoint that an action names applies to it. By default, none.
        triggers: Events of your application for which automation rules can wait, beside the built-in ones. ``fire``
            fires them. By default, none.
        channels: Channels over which notifications are delivered, beside the list in the API: a ``Channel`` takes each one,
            a ``MessageChannel`` takes messages, as users have chosen in their preferences. By default, none.
        time_zone: The time zone of users who have not chosen one, as an IANA name. Default: UTC.
        direct_database: The URL of the same PostgreSQL database without PgBouncer, for LISTEN, migrations and backups.
            By default, ``database``.
        readers: The number of units that may read at the same time, each with a connection. Default: 4 on PostgreSQL, 3 on
            SQLite in a file. An engine of yours has a pool of its own.
        writers: The number of units that may write at the same time on PostgreSQL, each with a connection. Default: 8.
        read_databases: The URLs of read replicas of the PostgreSQL database, which the API over HTTP uses. Default: none.

    Attributes:
        env: The environment: the clock, settings and ports that were passed in.
        units: Opens units of work; the methods of this class also translate its errors.
        database: The database.
        work: Runs background jobs (``run_due``, ``start``, ``stop``).
        webhook_worker: Sends webhook messages (``run_due``, ``start``, ``stop``).
        relay: Carries signals between processes on PostgreSQL (``start``, ``stop``).

    Raises:
        ValueError: A URL is not one of a supported database, ``ids`` returns invalid or repeated ids, an action or a
            trigger or a channel has the name of another one, or a trigger is malformed.
    """

    def __init__(
        self,
        database: str | Engine,
        *,
        jwt_secret: str | None = None,
        jwt_lifetime: timedelta = timedelta(days=7),
        former_jwt_secrets: Sequence[str] = (),
        bcrypt_rounds: int = 12,
        registration: Registration = "open",
        verify_email: bool = False,
        trash_days: int = 30,
        retention: Retention | None = None,
        mailer: Mailer = log_email,
        public_url: str = "http://localhost:3001",
        clock: Clock = system_clock,
        ids: IdSource | None = None,
        planner: Planner | None = None,
        webhook_sender: WebhookSender | None = None,
        private_webhooks: bool = False,
        webhook_ports: Collection[int] = (),
        blobs: Blobs | str | PathLike[str] = MEMORY,
        agent_models: AllowedModels = (),
        model_budgets: ModelBudgets | None = None,
        brains: Mapping[str, Brain] | None = None,
        actions: Sequence[AnyAction] = (),
        triggers: Sequence[Trigger] = (),
        channels: Sequence[Channel | MessageChannel] = (),
        time_zone: str = "UTC",
        direct_database: str | None = None,
        readers: int | None = None,
        writers: int | None = None,
        read_databases: Sequence[str] = (),
    ) -> None:
        new_id = Ids() if ids is None else check_ids(ids)
        find_zone(time_zone, "time_zone")
        self.env = Environment(
            clock=clock,
            new_id=new_id,
            signer=Signer(jwt_secret, jwt_lifetime, former_jwt_secrets),
            bcrypt_rounds=bcrypt_rounds,
            registration=registration,
            verify_email=verify_email,
            trash_days=trash_days,
            retention=retention or Retention(),
            mailer=mailer,
            sends_email=mailer is not log_email,
            public_url=public_url.rstrip("/"),
            model_budgets=model_budgets or ModelBudgets(),
            planner=planner or BriefReader(),
            webhook_sender=webhook_sender,
            private_webhooks=private_webhooks,
            webhook_ports=frozenset(webhook_ports),
            blobs=_open_blobs(blobs),
            watermark=stream.commit_watermark(),
            brains=add_fallback(
                {"built_in": RulesBrain(), "model": ModelBrain(agent_models), **(brains or {})}
            ),
            actions=add_host_actions(dispatch.ACTIONS, actions),
            triggers=build_triggers(triggers),
            channels=list_delays(channels),
            message_channels=[channel.name for channel in channels if not isinstance(channel, Channel)],
            time_zone=time_zone,
            services=dispatch.SERVICES,
        )
        primary = Database(database, direct_database, readers, writers)
        replicas = open_replicas(database, primary, read_databases)
        units = Units(primary, self.env, reactions.settle, seeds_ids=ids is None, replicas=replicas)
        if is_imported():
            units.observers.append(UnitSpans())
        self._is_base = True
        self._use_units(units, HANDLERS, owns_blobs=blobs != MEMORY)
        add_channels(self.work, channels)

    def _use_units(
        self, units: Units, handlers: Mapping[str, JobHandler | LongRunningJob], *, owns_blobs: bool
    ) -> None:
        """Create the parts of the core that work on one schema."""
        self.units = units
        if owns_blobs:
            self.env.blobs = OwnedBlobs(self.env.blobs, units, self._find_used_keys)
        self._borrowing: Borrowing | None = None
        self.login_attempts = LoginAttempts(units)
        self.relay = Relay(units)
        self.claims = ClaimOwner(units)
        self.work = JobRunner(units, self.claims, handlers)
        self.webhook_worker = WebhookWorker(units, self.claims)

    def in_schema(self, name: str, blobs: Blobs | str | PathLike[str] = MEMORY) -> Core:
        """Return the same core for another schema of the database, such as that of a tenant, over the same connections.

        It has the settings, handlers, restrictions, jobs and observers of this one; register them before. It uses no read replicas.
        The schema must exist, and ``migrate`` creates its tables. Units prefer a connection that has used the schema last, so raise ``readers`` and
        ``writers`` with the number of tenants that are active at the same time.

        Args:
            name: The name of the schema.
            blobs: The store of its attachments, which no other schema uses. By default, they are kept in memory, if those of
                this core are.

        Returns:
            The core, which costs little to create, and remembers lists while it exists. Closing it leaves the connections open.

        Raises:
            ValueError: The core was not created with the URL of a PostgreSQL database, the name is empty or too long, or
                the files need a store.
        """
        if blobs == MEMORY and isinstance(self.env.blobs, OwnedBlobs):
            raise ValueError("each schema needs a store of its own for its files: pass blobs")
        database = self.database.in_schema(name)
        core = copy.copy(self)
        core._is_base = False  # noqa: SLF001 - of this class
        core.env = attrs.evolve(
            self.env,
            blobs=_open_blobs(blobs),
            watermark=stream.commit_watermark(),
            signals=Signals(),
            stored_rounds=None,
            listed_cards=ItemMemory(_LISTED_CARDS_OF_SCHEMA),
        )
        core._use_units(  # noqa: SLF001
            self.units.in_schema(database, core.env), self.work.handlers, owns_blobs=blobs != MEMORY
        )
        return core

    @property
    def database(self) -> Database:
        """The database in which units of work run."""
        return self.units.database

    def migrate(self) -> None:
        """Migrate the schema to the current version. If several processes do so at the same time, one works and the others wait.

        Call it before any other method, on a new database and after each upgrade of the package.
        """
        with self.database.open_migrating() as connection:
            migrations.upgrade(connection)

    def probe(self) -> None:
        """Check that the database can be written, with a write that is rolled back.

        Raises:
            DBAPIError: The database cannot be written; the error is the driver's.
        """
        with suppress(_RolledBack), self.database.writing() as connection:
            migrations.touch(connection)
            raise _RolledBack

    def sweep(self) -> int:
        """Delete files that no attachment has referred to for an hour, and the rows that ``delete_expired`` deletes.

        Files without a row were left behind by a process that died; those of deleted items stay as long as the items can be
        restored.
        The reference server sweeps at its start and then every hour; if you embed the core, do the same.

        Returns:
            The number of deleted files.

        Raises:
            Unavailable: The store or the database does not answer, or the store belongs to another database.
        """
        self.delete_expired()
        return attachments.sweep(self.units, self._find_used_keys)

    def _find_used_keys(self, keys: list[str]) -> set[str]:
        """Return those keys of files that rows refer to."""
        finders = (attachments.find_used_blobs, proposing.find_pending_blobs, trash.find_used_blobs)
        with self.units.read(NOBODY) as uow:
            return set[str]().union(*(find(uow, keys) for find in finders))

    def adopt_files(self) -> None:
        """Make the file store belong to this database, after ``sweep`` or an upload has refused it.

        A store belongs to the database that sweeps it, since a sweep deletes all files that the database does not refer to. Adopt
        it after you have restored an earlier state of the database, and if no other database uses it.

        Raises:
            Unavailable: The store or the database does not answer.
        """
        if isinstance(self.env.blobs, OwnedBlobs):
            self.env.blobs.adopt()

    def delete_expired(self) -> dict[str, int]:
        """Delete the rows whose time is over: read notifications, messages of webhooks, traces, audit entries, and others.

        The bodies of messages of webhooks that were delivered are also deleted, after a day.

        The argument ``retention`` of the core sets the times. Each transaction deletes at most 200 rows. ``sweep`` calls this
        method.

        Returns:
            The number of deleted rows by the name of the table.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            apply_rules(self.units, CONTENT_RULES)
            return apply_rules(self.units, RULES)

    def back_up(self, folder: str | PathLike[str], also: Sequence[str | PathLike[str]] = ()) -> Backup:
        """Back up a consistent copy of the database and all files that it refers to, without blocking writers.

        Args:
            folder: The folder to create; it appears once the backup is complete.
            also: Further files to copy into the folder. Missing ones are skipped.

        Returns:
            The backup, with the number of files, and the keys of files that are missing or damaged.

        Raises:
            BackupFailed: The folder exists, the database cannot be copied, or ``pg_dump`` is missing.
            OSError: A file cannot be read or written.
            Unavailable: The store or the database does not answer.
        """
        # Imported here, since most processes never make a backup.
        from stellary.core.api import backups

        paths = [Path(fspath(path)) for path in also]
        return backups.back_up(self.database, self.env.blobs, self.list_files, Path(fspath(folder)), paths)

    def list_files(self, connection: Connection) -> FileIndex:
        """Return the size and the SHA-256 of all files that a database refers to, by key, from a connection to it."""
        with self.view(NOBODY, connection) as uow:
            return attachments.all_files(uow) | proposing.find_all_files(uow) | trash.find_all_files(uow)

    def close(self) -> None:
        """Close all connections, brains and the planner. Stop the job runner, the webhook worker and the relay first."""
        parts = (*self.env.brains.values(), self.env.planner, self.units.replicas) if self._is_base else ()
        for part in parts:
            close = getattr(part, "close", None)
            if close is not None:
                close()
        self.claims.close()
        self.database.close()

    @contextmanager
    def begin(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit of work that may write. It commits at the end of the block, and rolls back on an exception.

        A block cannot run twice, so a unit that the database aborts because of a concurrent one fails. Prefer ``run``,
        which retries.

        Args:
            actor: The user or agent on whose behalf the unit works; ``NOBODY`` for none.
            connection: A connection of yours, in a transaction that you commit; the unit joins it. From an ORM session,
                pass ``session.connection()``. By default, the core uses a connection of its own.

        Yields:
            The unit.

        Raises:
            Unavailable: The database does not answer, was busy for too long, or aborted the unit.
            ApiError: A statement failed; the error of the database is the cause.
        """
        with raise_api_errors(), self.units.transaction(actor, connection) as uow:
            yield uow

    @contextmanager
    def borrowed(self, driver_connection: Any, on_commit: OnCommit) -> Iterator[Connection]:
        """Wrap a driver connection of a host without SQLAlchemy, for the ``connection`` argument of other methods.

        Args:
            driver_connection: A ``sqlite3`` or ``psycopg`` connection to the same database, in a transaction that the
                host commits. The core neither commits it, nor rolls it back, nor closes it.
            on_commit: Called with a function to run after the host's commit, such as Django's ``transaction.on_commit``.

        Yields:
            The SQLAlchemy connection.

        Raises:
            RuntimeError: The connection is None or in no transaction, so that writes on it would be lost. A ``psycopg``
                connection without autocommit may be idle.
        """
        if self._borrowing is None:
            self._borrowing = Borrowing(self.database.engine.url)
        with self._borrowing.borrowed(driver_connection, on_commit) as connection:
            yield connection

    @contextmanager
    def view(self, actor: Actor, connection: Connection | None = None) -> Iterator[UnitOfWork]:
        """Open a unit of work that only reads, from one snapshot of the database.

        Args:
            actor: The user or agent on whose behalf the unit reads; ``NOBODY`` for none.
            connection: A connection of yours, in whose transaction the unit reads. By default, the core uses its own.

        Yields:
            The unit.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
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
        """Call a function with a unit of work, commit the unit, and retry if the database aborts it.

        A database aborts a transaction on a deadlock or a serialization failure, or if it has waited two seconds for a row
        that another transaction has locked. The function is then called again with a new unit, at most 20 times in all, and
        not after ten seconds of waiting for rows. Columns that an attempt has needed are locked first in the next one. It should therefore have no side effects outside the unit, or repeatable ones.

        Args:
            actor: The user or agent on whose behalf the unit works; ``NOBODY`` for none.
            work: The function; it is called with the unit, once per attempt.
            connection: A connection of yours, in a transaction that you commit; the unit joins it. There is one attempt
                then, since the database aborts your whole transaction: on ``Unavailable``, repeat that. By default, the
                core uses a connection of its own.
            read_only: Whether the unit only reads, from one snapshot, as with ``view``. Default: False.

        Returns:
            The result of the function, from the attempt that was committed.

        Raises:
            Unavailable: Every attempt was aborted, or the database does not answer or was busy for too long.
            ApiError: A service raised it; or a statement failed, with the error of the database as the cause.
        """
        with raise_api_errors():
            return self.units.run(work, actor, connection, read_only=read_only, waits_for_locks=True)

    def authenticate(self, bearer: str) -> Actor:
        """Return the actor that a bearer token (JWT, personal access token or agent token) belongs to.

        Raises:
            Unauthenticated: The token is invalid, revoked or has expired.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors(), self.database.reading() as connection:
            return authenticate_bearer(connection, bearer, self.env)[0]

    def measure(self) -> list[Measure]:
        """Return the state of the installation for who is on call: jobs, webhooks, language models, locks and the disk.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors(), self.database.reading() as connection:
            return list(measure(self.database, connection, self.env.clock(), self.units.replicas))

    def observe(self, observer: UnitObserver) -> Callable[[], None]:
        """Report the times of each unit of work to an observer, such as the metrics of your application.

        Args:
            observer: Its method ``end_unit`` is called with the ``UnitTimes`` of each unit on a connection of the core, in the
                thread of the unit.

        Returns:
            A function that ends the reports. Call it once.
        """
        self.units.observers.append(observer)
        return partial(self.units.observers.remove, observer)

    def trace_statements(self) -> None:
        """Make a span of OpenTelemetry of each statement, which takes longer than to execute it. Call it once, before any other method."""
        for engine in self.database.engines:
            trace_statements(engine)

    def touch(self, actor: Actor) -> None:
        """Record the current time as the last use of the actor's API token."""
        with self.database.writing() as connection:
            touch(connection, actor, self.env.clock())

    def port(self, actor: Actor | None = None, connection: Connection | None = None) -> EmbeddedPort:
        """Return a port for ``Stellary.embedded``, which serves requests in this process, without a socket.

        Args:
            actor: The user or agent on whose behalf requests are served. By default, the bearer token of each request
                decides.
            connection: A connection of yours, in a transaction that you commit; every request joins it, and so reads what
                the transaction has changed. Event streams, and the calls of ``auth`` that open transactions of their own,
                are refused. A request is tried once: if the database aborts your transaction, repeat that. By default, each
                request has a transaction of its own.

        Raises:
            TypeError: A connection without an actor, or a session in place of its connection.
        """
        if connection is None:
            return EmbeddedPort(self.units, actor)
        if actor is None:
            raise TypeError("a port that joins a transaction needs an actor")
        return EmbeddedPort(self.units.join(connection), actor)


def _open_blobs(blobs: Blobs | str | PathLike[str]) -> Blobs:
    return open_blobs(fspath(blobs)) if isinstance(blobs, (str, PathLike)) else blobs


class _RolledBack(Exception):
    """An exception that rolls a transaction back."""
