"""Mail: letters by SMTP, off the path of the request that caused them, tried again while that may help."""

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
from stellary.core.ports.mail import Letter

_log = logging.getLogger("stellary.mail")

WAITING_MAX = 1000
TIMEOUT = 30.0
PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds between the tries."""


class SmtpMailer:
    """Takes letters and sends them, one at a time. Given to the core as its mailer.

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
        self._letters: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._closing = asyncio.Event()

    def __call__(self, letter: Letter) -> None:
        """Take a letter, in whatever thread."""
        try:
            if self._loop is None:
                raise RuntimeError
            self._loop.call_soon_threadsafe(self._take, letter)
        except RuntimeError:
            _log.error("no mail is sent any more: a letter to %s is lost", letter.to)

    def start(self) -> None:
        """Take letters from now on, on the loop that runs."""
        self._loop = asyncio.get_running_loop()

    async def close(self, patience: float) -> None:
        """Try once more to send what is waiting, for so many seconds at most."""
        self._loop = None
        self._closing.set()
        # Letters that were handed over a moment ago.
        await asyncio.sleep(0)
        if not self._letters:
            return
        _, left = await asyncio.wait(self._letters, timeout=patience)
        for task in left:
            task.cancel()
        if left:
            _log.error("stopped with %d letters that were not sent", len(left))

    def _take(self, letter: Letter) -> None:
        if len(self._letters) >= WAITING_MAX:
            _log.error("too many letters are waiting: one to %s is lost", letter.to)
            return
        task = asyncio.get_running_loop().create_task(self._send_patiently(letter))
        self._letters.add(task)
        task.add_done_callback(self._letters.discard)

    async def _send_patiently(self, letter: Letter) -> None:
        pauses = iter(self._pauses)
        while True:
            pause = None if self._closing.is_set() else next(pauses, None)
            try:
                async with self._turn:
                    await self._send(letter)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next letter goes out
                if pause is None or not _may_pass(error):
                    _log.error("a letter to %s could not be sent: %s", letter.to, _said(error))
                    return
                _log.warning("a letter to %s is tried again: %s", letter.to, _said(error))
            else:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)

    async def _send(self, letter: Letter) -> None:
        # Loaded with the first letter: most servers never send one.
        import aiosmtplib

        server = self._server
        await aiosmtplib.send(
            self._message(letter),
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

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = letter.to
        # Names that people choose stand in it; a line break would begin another header.
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        message.set_content(letter.text)
        return message


def _may_pass(error: Exception) -> bool:
    """Whether another try may succeed: not where the letter itself, or our account, was refused."""
    if isinstance(error, OSError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    refused = getattr(error, "recipients", None)
    code = getattr(refused[0] if refused else error, "code", None)
    return isinstance(code, int) and 400 <= code < 500


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
