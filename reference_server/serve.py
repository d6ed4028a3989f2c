"""The life of a server process: start, serve, and stop gracefully."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import gc
import linecache
import logging
import os
import resource
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import attrs
import uvloop

from reference_server.app import STATE, make_app
from reference_server.log import Log, configure
from reference_server.mail import CLOSE_SECONDS, MailChannel, SmtpMailer
from reference_server.metrics import Metrics
from reference_server.protocol import HttpServer
from reference_server.secret import signing_secret
from reference_server.settings import Settings, SettingsError
from reference_server.webhook_sender import HttpWebhookSender
from stellary.contract.errors import Unavailable
from stellary.core import Core
from stellary.core.db.errors import may_become_reachable
from stellary.core.http.state import State
from stellary.core.ports.mail import Mailer, log_email
from stellary.core.ports.planner import Planner

_log = logging.getLogger("stellary.server")

IN_FLIGHT_SECONDS = 10.0
GC_THRESHOLD = 50_000
FILES_MAX = 65_536
RECONNECT_SECONDS = 1.0
INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal."""
STACK_BYTES = 2 << 20
ARENAS_MAX = 2
_M_ARENA_MAX = -8


def run(settings: Settings, listening: socket.socket, url: str, up: Callable[[], None]) -> None:
    """Serve until a signal stops the process.

    Args:
        settings: The settings of the process.
        listening: A socket that is bound, but does not listen yet.
        url: The URL by which clients reach it.
        up: Called when requests are accepted.

    Raises:
        SettingsError: The data directory, the database or the file store cannot be used.
    """
    limit_address_space()
    raise_file_limit()
    # attrs keeps the source of each method that it generates, for tracebacks: more than 1 MB.
    linecache.clearcache()
    with closing(configure(settings.log)) as log, exclusive_database(settings):
        secret, secret_file = signing_secret(settings)
        if secret_file is not None:
            _log.warning("no JWT_SECRET is set: generated one and stored it in %s", secret_file)
        mailer = SmtpMailer(settings.smtp, settings.mail_from) if settings.smtp else None
        core_settings = attrs.evolve(settings, jwt_secret=secret, public_url=settings.public_url or url)
        core = open_core(core_settings, mailer or log_email, read_databases=settings.read_database_urls)
        with closing(core), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            migrate(core, settings.database_wait)
            start_store(core)
            runner.run(_serve(core, settings, log, mailer, listening, up))


def limit_address_space() -> None:
    """Limit the address space of new threads, so that a limit of 400 MB (``ulimit -v``) is enough.

    By default, each of about twenty threads takes 8 MB for its stack, and 64 MB more when it first allocates. With these
    limits, the address space of a server under load peaks at 300 MB instead of 1,170, and its memory after it is 120 MB
    instead of 140.
    """
    threading.stack_size(STACK_BYTES)
    with suppress(AttributeError, OSError):
        # Only the GNU C library has this function and needs it.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS_MAX)


def raise_file_limit() -> None:
    """Raise the limit of open files, one per connection, as far as allowed; the default is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def open_core(settings: Settings, mailer: Mailer = log_email, *, read_databases: Sequence[str] = ()) -> Core:
    """Return a core on the database of the settings.

    Args:
        settings: The settings of the process.
        mailer: Sends emails. By default, they are logged.
        read_databases: The replicas that reads use. Default: none.

    Returns:
        The core, which the caller closes.

    Raises:
        SettingsError: The URL of the database cannot be read.
    """
    try:
        core = Core(
            settings.database,
            direct_database=settings.direct_database_url,
            read_databases=read_databases,
            time_zone=settings.time_zone,
            jwt_secret=settings.jwt_secret,
            former_jwt_secrets=settings.former_jwt_secrets,
            jwt_lifetime=settings.jwt_lifetime,
            bcrypt_rounds=settings.bcrypt_rounds,
            registration=settings.registration or "open",
            verify_email=settings.verifies_email,
            trash_days=settings.trash_days,
            retention=settings.retention,
            mailer=mailer,
            channels=[MailChannel(mailer)] if isinstance(mailer, SmtpMailer) else [],
            public_url=settings.public_url or f"http://localhost:{settings.port}",
            blobs=settings.blobs,
            webhook_sender=HttpWebhookSender(),
            private_webhooks=settings.private_webhooks,
            webhook_ports=settings.webhook_ports,
            planner=create_planner(settings),
            agent_models=settings.agent_models,
            model_budgets=settings.model_budgets,
        )
    except ValueError as error:
        raise SettingsError(f"the URL of the database {error}") from None
    if settings.traces_statements:
        core.trace_statements()
    return core


def create_planner(settings: Settings) -> Planner | None:
    """Return the planner that asks the model of the settings; None for the built-in one."""
    if not settings.planner_model:
        return None
    # Imported on first use, like the rules of the built-in planner.
    from stellary.core.wizard.models import ModelPlanner

    return ModelPlanner(settings.planner_model)


def start_store(core: Core) -> None:
    """Prepare the file store, while file descriptors and memory are available.

    Raises:
        SettingsError: The file store cannot be used.
    """
    try:
        core.env.blobs.start()
    except Unavailable as error:
        raise SettingsError(f"the file store cannot be used: {error.__cause__ or error.message}") from error


def migrate(core: Core, patience: float = 0) -> None:
    """Migrate the schema as soon as the database is reachable.

    Args:
        core: The core.
        patience: The longest wait for an unreachable database, in seconds.

    Raises:
        SettingsError: The database cannot be used.
    """
    until = time.monotonic() + patience
    waiting = False
    while True:
        try:
            core.migrate()
        except Exception as error:
            problem = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            if not may_become_reachable(error) or time.monotonic() >= until:
                raise SettingsError(
                    f"the database cannot be used: {problem or type(error).__name__}"
                ) from error
            if not waiting:
                _log.warning(
                    "the database is not reachable yet; waiting up to %d seconds: %s", patience, problem
                )
            waiting = True
            time.sleep(RECONNECT_SECONDS)
        else:
            return


async def _serve(
    core: Core,
    settings: Settings,
    log: Log,
    mailer: SmtpMailer | None,
    listening: socket.socket,
    up: Callable[[], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    log.handler.count_dropped = metrics.count_dropped
    access_log = None if settings.log == "off" else log.write_access
    app = make_app(core, settings, access_log=access_log, metrics=metrics)
    if mailer is not None:
        mailer.start()
    server = HttpServer(app, IN_FLIGHT_SECONDS)
    try:
        await server.start(listening)
        # These objects stay alive, so the garbage collector need not examine them again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        up()
        await stop.wait()
        loop.add_signal_handler(signal.SIGINT, _end_immediately, log)
        await wind_down(app[STATE], server, settings.stop_delay)
    finally:
        # This waits for the threads that use the core.
        await server.close()
        if mailer is not None:
            await mailer.close(CLOSE_SECONDS)


def _end_immediately(log: Log) -> None:
    """End the process without waiting for requests, jobs and emails; the database stays consistent."""
    log.close()
    os._exit(INTERRUPTED)


async def wind_down(state: State, server: HttpServer, delay: float) -> None:
    """Report that the server is not ready. After a delay stop listening, and answer the last requests on open connections."""
    state.stopping = True
    await asyncio.sleep(delay)
    await server.stop_listening()
    state.close()
    await server.end_connections(IN_FLIGHT_SECONDS)
    if state.in_flight:
        _log.warning("stopped with %d requests that were not answered", state.in_flight)


def _make_private(file: Path) -> None:
    """Make the files of a SQLite database unreadable for other users of the machine."""
    for path in (file, *(file.with_name(f"{file.name}{suffix}") for suffix in ("-wal", "-shm", ".lock"))):
        try:
            if not stat.S_IMODE(path.stat().st_mode) & 0o077:
                continue
            path.chmod(0o600)
        except FileNotFoundError:
            continue
        except PermissionError:
            _log.warning("%s can be read by others, and its mode cannot be changed", path)
        else:
            _log.warning("%s could be read by others: its mode is now 0600", path)


@contextmanager
def exclusive_database(settings: Settings) -> Iterator[None]:
    """Prevent other servers from using the same SQLite file, which supports only one writing process."""
    file = settings.sqlite_file
    with ExitStack() as stack:
        try:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if file is not None:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _make_private(file)
        except BlockingIOError:
            raise SettingsError(f"another server uses {file}: several need PostgreSQL") from None
        except OSError as error:
            raise SettingsError(f"{error.filename or file} cannot be used: {error.strerror}") from None
        yield
