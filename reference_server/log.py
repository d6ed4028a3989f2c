"""Logs: one JSON object per line, or readable lines in a terminal. They hold no secrets, and are written in a thread."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import BinaryIO

import orjson

from reference_server.settings import LogFormat
from stellary.core.http.observers import AccessEntry

RECORDS_MAX = 20_000
"""The number of records that may wait to be written. While there are as many, newer ones are dropped; once the reader has
caught up, a line says how many."""
FLUSH_SECONDS = 0.1
"""The seconds that the thread collects records before it writes them."""
CLOSE_SECONDS = 5.0
"""The seconds that the process waits at its end for a stalled reader of the log."""


class Log:
    """The log of a process. A thread writes it, so that a reader of the log that stalls does not stall the server.

    Args:
        formatter: Makes the lines.
        stream: The stream to write to.

    Attributes:
        handler: The handler for the loggers of the standard library.
    """

    def __init__(self, formatter: logging.Formatter, stream: BinaryIO) -> None:
        self.handler = _BoundedQueueHandler(formatter)
        self._listener = _BatchListener(self.handler, stream)
        self._listener.start()
        atexit.register(self.close)

    def write_access(self, entry: AccessEntry) -> None:
        """Write an entry soon. The thread formats it."""
        self.handler.enqueue(_AccessRecord(entry))

    def close(self) -> None:
        """Write all records and end the thread. Later records are handled as if no handler were installed."""
        logging.getLogger().removeHandler(self.handler)
        self._listener.finish(CLOSE_SECONDS)
        atexit.unregister(self.close)


class _AccessRecord(logging.LogRecord):
    """An entry as a record. It skips the constructor of its class, which looks up the caller, the thread and the process."""

    name, levelno, levelname = "stellary.access", logging.INFO, "INFO"

    def __init__(self, entry: AccessEntry) -> None:
        self.entry = entry
        self.created = time.time()


class _BoundedQueueHandler(QueueHandler):
    """A handler that never blocks: it drops records while too many are waiting.

    Records of the standard library are formatted before they are queued, since their arguments may change.
    """

    def __init__(self, formatter: logging.Formatter) -> None:
        self.records: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        super().__init__(self.records)
        self.setFormatter(formatter)
        self._dropped_count = 0
        self.count_dropped: Callable[[int], None] = lambda _: None

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.records.qsize() < RECORDS_MAX:
            self.records.put(record)
        else:
            self._dropped_count += 1

    def report_dropped(self) -> str | None:
        """Return a line about the records that have been dropped since the last report, if there are any."""
        count, self._dropped_count = self._dropped_count, 0
        if count:
            self.count_dropped(count)
        message = f"{count} lines of the log were lost"
        report = {"name": "stellary.server", "levelname": "WARNING", "msg": message}
        return self.format(logging.makeLogRecord(report)) if count else None


class _BatchListener(QueueListener):
    """A listener that waits a moment after the last record, so that it is not woken for each of them."""

    def __init__(self, handler: _BoundedQueueHandler, stream: BinaryIO) -> None:
        super().__init__(handler.records)
        self._handler = handler
        self._stream = stream
        self._finishing, self._finished = threading.Event(), threading.Event()

    def dequeue(self, block: bool) -> logging.LogRecord | None:  # type: ignore[override] # None is the sentinel
        try:
            record = self._handler.records.get_nowait()
        except Empty:
            self._flush()
            self._finishing.wait(FLUSH_SECONDS)
            record = self._handler.records.get()
        if record is None:
            self._flush()
            self._finished.set()
        return record

    def handle(self, record: logging.LogRecord) -> None:
        self._write(self._handler.format(record) if isinstance(record, _AccessRecord) else record.msg)

    def finish(self, timeout: float) -> None:
        """Wait until all records are written, for at most ``timeout`` seconds; the thread ends then."""
        self._finishing.set()
        self.enqueue_sentinel()
        self._finished.wait(timeout)

    def _write(self, line: str) -> None:
        # If the reader has gone, there is no other place to report it.
        with suppress(OSError, ValueError):
            self._stream.write(line.encode("utf-8", "replace") + b"\n")

    def _flush(self) -> None:
        report = self._handler.report_dropped()
        if report is not None:
            self._write(report)
        with suppress(OSError, ValueError):
            self._stream.flush()


_OF_REQUEST = ("method", "path", "status", "ms", "request_id", "user_id", "token_id", "client")
"""The fields of an entry, in the order of a line in JSON."""
_READ_REQUEST = attrgetter(*_OF_REQUEST)


class _JsonFormatter(logging.Formatter):
    """A formatter that makes one JSON object of each record."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
        }
        if isinstance(record, _AccessRecord):
            event |= {"event": "request", **dict(zip(_OF_REQUEST, _READ_REQUEST(record.entry), strict=True))}
        else:
            event |= {"event": record.getMessage(), "logger": record.name}
            if record.exc_info:
                event["exception"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(event, option=orjson.OPT_UTC_Z).decode()
        except TypeError:
            # A text contains half a surrogate pair.
            valid = {
                name: text.encode("utf-8", "replace").decode() if isinstance(text, str) else text
                for name, text in event.items()
            }
            return orjson.dumps(valid, default=str, option=orjson.OPT_UTC_Z).decode()


class _ConsoleFormatter(logging.Formatter):
    """A formatter that makes readable lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, _AccessRecord):
            entry = record.entry
            ids = filter(None, (entry.request_id, entry.client, entry.user_id, entry.token_id))
            message = " ".join((entry.method, entry.path, str(entry.status), f"{entry.ms} ms", *ids))
            record = logging.makeLogRecord(
                {
                    "name": record.name,
                    "levelname": record.levelname,
                    "created": record.created,
                    "msg": message,
                }
            )
        return super().format(record)


def configure(log_format: LogFormat | None, stream: BinaryIO | None = None) -> Log:
    """Set up the log of this process, which the caller closes.

    Args:
        log_format: ``console`` for readable lines, ``json`` for JSON. Default: ``console`` in a
            terminal, ``json`` otherwise.
        stream: The stream to write to; standard error by default.

    Returns:
        The log.
    """
    in_terminal = log_format is None and stream is None and sys.stderr.isatty()
    formatter = _ConsoleFormatter() if log_format == "console" or in_terminal else _JsonFormatter()
    # A separate buffer, since a thread that writes while the process ends would lock the buffer of sys.stderr.
    log = Log(formatter, stream or open(sys.stderr.fileno(), "wb", closefd=False))  # noqa: SIM115
    root = logging.getLogger()
    root.handlers = [log.handler]
    root.setLevel(logging.WARNING)
    return log
