"""A mail server for tests."""

from aiosmtpd.smtp import SMTP, Envelope, Session


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
