"""A mail server for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.ports import free_port


class Box:
    """The mailbox of a mail server. It gives its ``answers`` in turn, and then repeats the last one."""

    def __init__(self, *answers: str) -> None:
        self.emails: list[Envelope] = []
        self.answers = list(answers) or ["250 OK"]
        self.sessions: list[Session] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.sessions.append(session)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("2"):
            self.emails.append(envelope)
        return answer

    async def handle_RCPT(self, server, session, envelope, address, _) -> str:  # noqa: N802
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@contextmanager
def running_mailbox(box: Box, port: int | None = None, **options: Any) -> Iterator[int]:
    """Run the mail server of a mailbox until the block ends, and yield its port."""
    controller = Controller(box, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
