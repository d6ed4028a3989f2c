"""Logs: one JSON object per line, or readable lines in a terminal. They hold no secrets, and are written in a thread."""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
import threading
from collections import deque
from collections.abc import MutableMapping
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote

import attrs
import orjson
import structlog

from reference_server.settings import LogFormat
from stellary.contract.router import AnyEndpoint

PATH_MAX = 300
LINES_MAX = 20_000
FLUSH_SECONDS = 0.1
# In a path that nothing is at, whatever looks like a secret that was pasted in.
_SECRETS = re.compile(r"(?<=/invitations/).+|synth_[^/]*|eyJ[^/]*|(?<=[:@=])[^/]{8,}")


@attrs.frozen
class Entry:
    """One line of the access log. No query, no headers and no body: they hold what people keep to themselves.

    Attributes:
        ms: From the headers until the answer was made.
        token_id: Of the API token, of the agent's token, or of the login (``jti``); never the token itself.
        client: The address that the request came from.
    """

    method: str
    path: str
    status: int
    ms: float
    request_id: str
    user_id: str | None
    client: str
    token_id: str | None = None


class AccessLog(Protocol):
    """Is told of each answer, on the event loop. Must not block."""

    def __call__(self, entry: Entry, /) -> None: ...


def logged_path(path: str, endpoint: AnyEndpoint | None) -> str:
    """Return a path as it may be logged: without an invitation's secret, or anything that looks like one."""
    if endpoint is None:
        return _SECRETS.sub("***", unquote(path[:PATH_MAX], errors="replace"))
    return endpoint.path if ":token" in endpoint.path else path[:PATH_MAX]


def access_log() -> AccessLog:
    """Return an access log, which writes as ``configure`` has set up."""
    log = structlog.get_logger("stellary.access")

    def write(entry: Entry) -> None:
        log.info(
            "request",
            method=entry.method,
            path=entry.path,
            status=entry.status,
            ms=entry.ms,
            request_id=entry.request_id,
            user_id=entry.user_id,
            token_id=entry.token_id,
            client=entry.client,
        )

    return write


class Lines:
    """A writer of lines in a separate thread, so that a reader of the log that stalls does not stall the server.

    Args:
        stream: The stream to write to.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: deque[bytes] = deque()
        self._lost = 0
        self._ended = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._write_now_and_then, name="stellary-log", daemon=True).start()
        atexit.register(self.close)

    def write(self, line: bytes) -> None:
        """Write a line soon; beyond some thousands that wait, lines are lost and counted."""
        if len(self._waiting) >= LINES_MAX:
            self._lost += 1
            return
        self._waiting.append(line)

    def flush(self) -> None:
        """Write what is waiting."""
        with self._writing:
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if self._lost:
                lines.append(b'{"level":"warning","event":"%d lines of the log were lost"}' % self._lost)
                self._lost = 0
            if lines:
                try:
                    self._stream.write(b"\n".join(lines) + b"\n")
                    self._stream.flush()
                except (OSError, ValueError):
                    # The reader has gone, and there is no other place to report it.
                    pass

    def close(self) -> None:
        """Write the rest, and end the thread."""
        self._ended.set()
        self.flush()

    def _write_now_and_then(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self.flush()


class _Logger:
    """The logger to which structlog passes rendered lines."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def msg(self, line: bytes | str) -> None:
        self._lines.write(line.encode("utf-8", "replace") if isinstance(line, str) else line)

    debug = info = warning = error = critical = exception = log = msg


class _Handler(logging.Handler):
    """A handler for the loggers of the standard library, which the core uses."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.write(self.format(record).encode("utf-8", "replace"))


def configure(wanted: LogFormat | None, stream: BinaryIO | None = None) -> Lines:
    """Set up the logs of this process.

    Args:
        wanted: ``off`` leaves warnings and errors; None chooses by whether a terminal is there.
        stream: Where lines go; to standard error.
    """
    lines = Lines(stream or sys.stderr.buffer)
    terminal = wanted == "console" or (wanted is None and stream is None and sys.stderr.isatty())
    render: Any = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(serializer=_json)
    )
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.INFO if wanted != "off" else logging.WARNING
        ),
        logger_factory=lambda *_: _Logger(lines),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                *shared,
                structlog.stdlib.add_logger_name,
                structlog.processors.format_exc_info,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    return lines


def _json(event: MutableMapping[str, Any], **_: Any) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:
        # Half a surrogate pair in a text: it is replaced when the line is written.
        return json.dumps(event, default=str, ensure_ascii=False)
