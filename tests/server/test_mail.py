"""E-mails over SMTP: sent in the background, retried when that may help."""

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import AuthResult

from reference_server import mail
from reference_server.mail import SmtpMailer
from reference_server.settings import SmtpServer
from stellary.core import Email
from tests.server.mailbox import Box, running_mailbox
from tests.support.ports import free_port
from tests.support.waiting import wait_for

EMAIL = Email("bob@example.com", "You are invited", "Go to https://x.example/invitations/s3cret")


@pytest.fixture
def box(mailbox: tuple[Box, int]) -> tuple[Box, SmtpServer]:
    """Return a mailbox and its address."""
    return mailbox[0], SmtpServer("127.0.0.1", mailbox[1])


@asynccontextmanager
async def open_mailer(server: SmtpServer, patience: float = 5, **options: object):
    """Yield a mailer that runs until the block ends."""
    mailer = SmtpMailer(server, "stellary@example.com", **options)
    mailer.start()
    try:
        yield mailer
    finally:
        await mailer.close(patience)


async def test_email_arrives_unchanged(box):
    emails, server = box[0].emails, box[1]
    async with open_mailer(server) as mailer:
        mailer(Email("bob@example.com", "Grüße\r\nBcc: eve@example.com", "Grüße\n" + EMAIL.text))
        await wait_for(lambda: emails)
    (envelope,) = emails
    assert envelope.mail_from == "stellary@example.com"
    assert envelope.rcpt_tos == ["bob@example.com"]
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert message["Subject"] == "Grüße Bcc: eve@example.com"
    assert message["Bcc"] is None
    assert message["Message-ID"].endswith("@example.com>")
    assert message.get_content().splitlines() == ["Grüße", *EMAIL.text.splitlines()]


async def test_an_email_from_a_thread_arrives(box):
    async with open_mailer(box[1]) as mailer:
        await asyncio.to_thread(mailer, EMAIL)
    assert len(box[0].emails) == 1


async def test_temporarily_rejected_email_is_retried(box):
    box[0].answers = ["451 later", "451 later", "250 OK"]
    async with open_mailer(box[1], pauses=[0.01, 0.01, 0.01]) as mailer:
        mailer(EMAIL)
        await wait_for(lambda: box[0].emails)
    assert len(box[0].sessions) == 3


async def test_temporarily_rejected_email_does_not_delay_others(box):
    box[0].answers = ["451 later", "250 OK"]
    async with open_mailer(box[1], pauses=[60]) as mailer:
        mailer(EMAIL)
        mailer(Email("eve@example.com", "Hello", "Hello"))
        await wait_for(lambda: len(box[0].emails) == 1)
        assert box[0].emails[0].rcpt_tos == ["eve@example.com"]
    # Closing makes one more attempt, and does not wait for the pause.
    assert len(box[0].emails) == 2


async def test_email_whose_sender_has_given_up_is_not_sent(box, monkeypatch):
    async with open_mailer(box[1]) as mailer:
        # Another email takes longer.
        async with mailer._turn:
            with monkeypatch.context() as patience:
                patience.setattr(mail, "TIMEOUT", 0.01)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(mailer.send, EMAIL)
        await asyncio.to_thread(mailer.send, Email("eve@example.com", "Hello", "Hello"))
        assert [email.rcpt_tos for email in box[0].emails] == [["eve@example.com"]]


async def test_rejected_email_is_logged_and_not_retried(box, caplog):
    async with open_mailer(box[1], pauses=[0.01]) as mailer:
        mailer(Email("nobody@example.com", "Hello", "s3cret"))
        await wait_for(lambda: caplog.records)
        box[0].answers = ["554 spam"]
        mailer(EMAIL)
        await wait_for(lambda: len(caplog.records) == 2)
    assert "an email to nobody@example.com could not be sent" in caplog.text
    assert "no such mailbox" in caplog.text
    assert "554" in caplog.text
    assert "s3cret" not in caplog.text
    assert len(box[0].sessions) == 1


async def test_retries_end(box, caplog):
    box[0].answers = ["451 later"]
    async with open_mailer(box[1], pauses=[0.01, 0.01]) as mailer:
        mailer(EMAIL)
        await wait_for(lambda: "could not be sent" in caplog.text)
        assert len(box[0].sessions) == 3


async def test_unreachable_mail_server_is_retried(caplog):
    box, port = Box(), free_port()
    # The mail server ends after the mailer, which reads the answer to the email.
    with ExitStack() as servers:
        async with open_mailer(SmtpServer("127.0.0.1", port), pauses=[0.05] * 100) as mailer:
            mailer(EMAIL)
            await wait_for(lambda: "will be sent again" in caplog.text)
            servers.enter_context(running_mailbox(box, port))
            await wait_for(lambda: box.emails)
    assert "could not be sent" not in caplog.text


async def test_unsent_emails_do_not_delay_stopping(caplog):
    silent = socket.create_server(("127.0.0.1", 0))
    async with open_mailer(SmtpServer("127.0.0.1", silent.getsockname()[1]), 0.1) as mailer:
        mailer(EMAIL)
    silent.close()
    assert "stopped with 1 emails that were not sent" in caplog.text


async def test_stopping_waits_for_the_email_of_a_job_and_lets_it_be_tried_again(box):
    silent = socket.create_server(("127.0.0.1", 0))
    for server, patience, outcome in (
        (box[1], 5, None),
        (SmtpServer("127.0.0.1", silent.getsockname()[1]), 0.01, ConnectionError),
    ):
        mailer = SmtpMailer(server, "stellary@example.com")
        mailer.start()
        sending = asyncio.create_task(asyncio.to_thread(mailer.send, EMAIL))
        while not mailer._turn.locked():  # noqa: ASYNC110 - it is soon over
            await asyncio.sleep(0)
        await mailer.close(patience)
        assert len(box[0].emails) == 1
        assert isinstance((await asyncio.gather(sending, return_exceptions=True))[0], outcome or type(None))
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(mailer.send, EMAIL)
    silent.close()


async def test_queue_of_emails_is_bounded(monkeypatch, caplog):
    monkeypatch.setattr(mail, "WAITING_MAX", 2)
    async with open_mailer(SmtpServer("127.0.0.1", free_port()), pauses=[60]) as mailer:
        for _ in range(3):
            mailer(EMAIL)
        await wait_for(lambda: "too many emails are waiting" in caplog.text)


async def test_stopped_mailer_logs_lost_emails(caplog):
    mailer = SmtpMailer(SmtpServer("127.0.0.1", 1), "stellary@example.com")
    mailer(EMAIL)
    await mailer.close(1)
    mailer(EMAIL)
    assert caplog.text.count("the mailer has been closed: an email to bob@example.com is lost") == 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("password", ["right", "wrong"])
async def test_mailer_logs_in_with_its_account(password: str, caplog):
    def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"us@er", b"right"), handled=False)

    box = Box()
    with running_mailbox(box, authenticator=authenticate, auth_require_tls=False, auth_required=True) as port:
        server = SmtpServer("127.0.0.1", port, user="us@er", password=password)
        async with open_mailer(server, pauses=[0.01]) as mailer:
            mailer(EMAIL)
            await wait_for(lambda: box.emails or caplog.records)
    assert len(box.emails) == (password == "right")
    assert ("an email to bob@example.com could not be sent: SMTPAuthenticationError" in caplog.text) == (
        password == "wrong"
    )
    assert "wrong" not in caplog.text


@pytest.mark.parametrize(
    ("host", "password", "private"),
    [
        ("mail.example.com", "p", True),
        ("192.0.2.1", "p", True),
        ("127.0.0.1", "p", False),
        ("::1", "p", False),
        ("localhost", "p", False),
        ("mail.example.com", None, False),
    ],
)
def test_password_is_sent_only_over_tls_or_locally(host: str, password: str | None, private: bool):
    mailer = SmtpMailer(SmtpServer(host, 587, user="u", password=password), "stellary@example.com")
    assert mailer._must_be_private() is private
