"""The mailer: sends emails by SMTP in the background, with retries."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address

from reference_server.settings import Settings, SmtpServer
from stellary.core import Message
from stellary.core.ports.mail import Email, Mailer, log_email

_log = logging.getLogger("stellary.mail")

WAITING_MAX = 1000
TIMEOUT = 30.0
LINE_MAX = 990
CLOSE_SECONDS = 10.0
"""The patience with waiting emails when a process stops."""
PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds between the attempts."""


class SmtpMailer:
    """A mailer for the core, which queues emails and sends them one at a time.

    Args:
        server: The SMTP server.
        sender: The address of the sender.
        pauses: Seconds between attempts.
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
        """Queue an email, from any thread."""
        try:
            if self._loop is None:
                raise RuntimeError
            self._loop.call_soon_threadsafe(self._take, email)
        except RuntimeError:
            _log.error("the mailer has been closed: an email to %s is lost", email.to)

    @property
    def domain(self) -> str:
        """The domain of the sender."""
        return self._sender.rpartition("@")[2]

    def send(self, email: Email) -> None:
        """Send an email, and wait until the SMTP server has taken it. Called in a thread without an event loop.

        Raises:
            OSError: The email was not sent, or the mailer is closed. Errors of SMTP are others.
        """
        if self._loop is None:
            raise ConnectionError("the mailer is closed")
        sending = asyncio.run_coroutine_threadsafe(self._send_for_thread(email), self._loop)
        try:
            sending.result(2 * TIMEOUT)
        except CancelledError:
            raise ConnectionError("the mailer is closed") from None
        finally:
            # After a timeout, the email does not wait for its turn beside the next attempt.
            sending.cancel()

    async def _send_for_thread(self, email: Email) -> None:
        task = asyncio.current_task()
        if self._loop is None or task is None:
            raise ConnectionError("the mailer is closed")
        self._track(task)
        await self._send_in_turn(email)

    def _track(self, task: asyncio.Task[None]) -> None:
        """Let ``close`` wait for a task."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_in_turn(self, email: Email) -> None:
        async with self._turn:
            await self._send(email)

    def start(self) -> None:
        """Accept emails from now on, on the running event loop."""
        self._loop = asyncio.get_running_loop()

    async def close(self, patience: float) -> None:
        """Try once more to send waiting emails, also those of jobs, for at most ``patience`` seconds."""
        self._loop = None
        self._closing.set()
        # Let the loop process emails that have just been queued.
        await asyncio.sleep(0)
        if not self._tasks:
            return
        _, unsent = await asyncio.wait(self._tasks, timeout=patience)
        for task in unsent:
            task.cancel()
        if unsent:
            _log.error("stopped with %d emails that were not sent", len(unsent))

    def _take(self, email: Email) -> None:
        if len(self._tasks) >= WAITING_MAX:
            _log.error("too many emails are waiting: one to %s is lost", email.to)
            return
        self._track(asyncio.get_running_loop().create_task(self._send_patiently(email)))

    async def _send_patiently(self, email: Email) -> None:
        pauses = iter(self._pauses)
        while True:
            pause = None if self._closing.is_set() else next(pauses, None)
            try:
                await self._send_in_turn(email)
            except Exception as error:  # noqa: BLE001 - any error is logged, and the next email is sent
                if pause is None or not _may_pass(error):
                    _log.error("an email to %s could not be sent: %s", email.to, _describe(error))
                    return
                _log.warning("an email to %s will be sent again: %s", email.to, _describe(error))
            else:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)

    async def _send(self, email: Email) -> None:
        # Imported with the first email, since most servers never send one.
        import aiosmtplib

        server = self._server
        await aiosmtplib.send(
            self._message(email),
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            # A password is sent only over an encrypted connection.
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
        # Folding would encode long URLs and ids.
        message = EmailMessage(policy.SMTP.clone(max_line_length=LINE_MAX))
        message["From"] = self._sender
        message["To"] = email.to
        # The subject contains names chosen by users; a line break would start another header.
        message["Subject"] = " ".join(email.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = email.headers.get("Message-ID") or make_msgid(domain=self.domain)
        for name, text in email.headers.items():
            if name != "Message-ID":
                message[name] = text
        message.set_content(email.text)
        if email.html:
            message.add_alternative(email.html, subtype="html")
        return message


class MailChannel:
    """The channel that sends notifications by e-mail. Job after job, it waits for the SMTP server.

    Args:
        mailer: The mailer.
    """

    name = "mail"

    def __init__(self, mailer: SmtpMailer) -> None:
        self._mailer = mailer

    def send(self, message: Message) -> None:
        """Send a message; log it if the SMTP server rejects it for good.

        Raises:
            Exception: It could not be sent, and another attempt may succeed.
        """
        domain = self._mailer.domain
        headers = {
            "Message-ID": f"<{message.id}@{domain}>",
            "Reply-To": f"no-reply@{domain}",
            "Auto-Submitted": "auto-generated",
            "List-Id": f"<notifications.{domain}>",
            "List-Unsubscribe": f"<{message.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        if message.card_id is not None:
            headers["In-Reply-To"] = headers["References"] = f"<card-{message.card_id}@{domain}>"
        email = Email(message.recipient.email, message.subject, message.text, message.html, headers=headers)
        try:
            self._mailer.send(email)
        except Exception as error:
            if _may_pass(error):
                raise
            _log.error("an email to %s could not be sent: %s", email.to, _describe(error))


@contextmanager
def sending_in_thread(settings: Settings) -> Iterator[Mailer]:
    """Yield the mailer of a process without an event loop, which sends in a thread; a logger without an SMTP server.

    Args:
        settings: The SMTP server and the sender.
    """
    if settings.smtp is None:
        yield log_email
        return
    mailer, loop = SmtpMailer(settings.smtp, settings.mail_from), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail", daemon=True)
    thread.start()
    loop.call_soon_threadsafe(mailer.start)
    try:
        yield mailer
    finally:
        asyncio.run_coroutine_threadsafe(mailer.close(CLOSE_SECONDS), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _may_pass(error: Exception) -> bool:
    """Return whether another attempt may succeed. It cannot if the server has rejected the email or the account."""
    if isinstance(error, OSError):
        return not isinstance(error, ssl.SSLCertVerificationError)
    refused = getattr(error, "recipients", None)
    code = getattr(refused[0] if refused else error, "code", None)
    return isinstance(code, int) and 400 <= code < 500


def _describe(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
