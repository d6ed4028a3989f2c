"""Mail: emails by SMTP, off the path of the request that caused them, tried again while that may help."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address

from reference_server.settings import SmtpServer
from stellary.core.ports.mail import Email

_log = logging.getLogger("stellary.mail")

WAITING_MAX = 1000
TIMEOUT = 30.0
PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds between the tries."""


class SmtpMailer:
    """Takes emails and sends them, one at a time. Given to the core as its mailer.

    Args:
        server: Where they go.
        sender: Whom they are from.
        pauses: Seconds between tries.
    """

    def __init__(self, server: SmtpServer, sender: str, pauses: Sequence[float] = PAUSES) -> None:
        self._server = server
        self._sender = sender
        self._pauses = pauses
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._closing = asyncio.Event()

    def __call__(self, email: Email) -> None:
        """Take an email, in whatever thread."""
        try:
            if self._loop is None:
                raise RuntimeError
            self._loop.call_soon_threadsafe(self._take, email)
        except RuntimeError:
            _log.error("no mail is sent any more: an email to %s is lost", email.to)

    def start(self) -> None:
        """Take emails from now on, on the loop that runs."""
        self._loop = asyncio.get_running_loop()

    async def close(self, patience: float) -> None:
        """Try once more to send what is waiting, for so many seconds at most."""
        self._loop = None
        self._closing.set()
        # Emails that were handed over a moment ago.
        await asyncio.sleep(0)
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=patience)
        for task in left:
            task.cancel()
        if left:
            _log.error("stopped with %d emails that were not sent", len(left))

    def _take(self, email: Email) -> None:
        if len(self._tasks) >= WAITING_MAX:
            _log.error("too many emails are waiting: one to %s is lost", email.to)
            return
        task = asyncio.get_running_loop().create_task(self._send_patiently(email))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_patiently(self, email: Email) -> None:
        pauses = iter(self._pauses)
        while True:
            pause = None if self._closing.is_set() else next(pauses, None)
            try:
                async with self._turn:
                    await self._send(email)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next email goes out
                if pause is None or not _may_pass(error):
                    _log.error("an email to %s could not be sent: %s", email.to, _said(error))
                    return
                _log.warning("an email to %s is tried again: %s", email.to, _said(error))
            else:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)

    async def _send(self, email: Email) -> None:
        # Loaded with the first email: most servers never send one.
        import aiosmtplib

        server = self._server
        await aiosmtplib.send(
            self._message(email),
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            # A password goes over the wire only if nobody can read along.
            start_tls=False if server.tls else True if self._must_be_private() else None,
            username=server.user,
            password=server.password,
            timeout=TIMEOUT,
        )

    def _must_be_private(self) -> bool:
        if self._server.password is None or self._server.host == "localhost":
            return False
        try:
            return not ip_address(self._server.host).is_loopback
        except ValueError:
            return True

    def _message(self, email: Email) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = email.to
        # Names that people choose stand in it; a line break would begin another header.
        message["Subject"] = " ".join(email.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        message.set_content(email.text)
        return message


def _may_pass(error: Exception) -> bool:
    """Whether another try may succeed: not where the email itself, or our account, was refused."""
    if isinstance(error, OSError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    refused = getattr(error, "recipients", None)
    code = getattr(refused[0] if refused else error, "code", None)
    return isinstance(code, int) and 400 <= code < 500


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
