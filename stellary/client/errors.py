"""The errors that only a client has, beside those that the API answers with.

    StellaryError
    ├── ApiError …               the API has answered with an error (``stellary.contract.errors``)
    ├── Unanswered               there is no answer; ``reached`` says whether the request may have arrived
    │   ├── ConnectionFailed     refused, reset or cut off
    │   └── TimedOut             too slow
    ├── UnreadableAnswer         there is an answer, and it is not what the API promises
    ├── EndlessPages             a list leads to a page that has been read before
    ├── Proposed                 the token is an agent's, and what it asks for waits to be approved
    ├── UnverifiedWebhook        what was received is no message of that webhook
    ├── UnsuitableFile           a file of the caller's cannot become a project
    ├── NotImported              an archive did not become a project as a whole
    ├── UnsuitableDeclaration    what is declared of a project makes no sense, in itself or in that project
    └── StalePlan                what a plan is about has changed since it was made

Those about calls are told in one line, with the request and how often it was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stellary.contract.errors import StellaryError

if TYPE_CHECKING:
    from stellary.contract.proposals import Proposal


class CallFailed(StellaryError):
    """A call that has not led to a usable answer.

    Attributes:
        message: One sentence.
        method, path: The request.
        request_id: The ``X-Request-Id`` of the answer, if there is one.
        retries: How often the client had tried again before it gave up.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.method: str | None = None
        self.path: str | None = None
        self.request_id: str | None = None
        self.retries = 0

    def __str__(self) -> str:
        where = [f"{self.method} {self.path}"] if self.method else []
        if self.request_id:
            where.append(f"request {self.request_id}")
        if self.retries:
            where.append(f"after {self.retries} {'retry' if self.retries == 1 else 'retries'}")
        return f"{self.message} ({', '.join(where)})" if where else self.message


class Unanswered(CallFailed):
    """There is no answer.

    Attributes:
        reached: Whether the request may have arrived, and so may have had its effect. False if no connection was made.
    """

    def __init__(self, message: str, *, reached: bool = True) -> None:
        super().__init__(message)
        self.reached = reached


class ConnectionFailed(Unanswered):
    """The connection was refused, reset, or cut off in the middle of the answer."""


class TimedOut(Unanswered):
    """The answer took longer than the call's time-out."""


class UnreadableAnswer(CallFailed):
    """The status was one of success, but the body is not what the API promises: a proxy's page, or a broken one.

    Attributes:
        status: The HTTP status of the answer.
        body: The bytes of the answer.
    """

    def __init__(self, message: str, *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class EndlessPages(CallFailed):
    """A list leads to a page that has been read before, so that iterating would never end."""


class Proposed(CallFailed):
    """Nothing was changed yet: the token is an agent's, and somebody has to approve what it wants to change.

    Attributes:
        proposal: What waits to be decided.
    """

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(f"this waits to be approved (proposal {proposal.id})")
        self.proposal = proposal

    def __reduce__(self) -> tuple[type[Proposed], tuple[Proposal], dict[str, Any]]:
        return type(self), (self.proposal,), self.__dict__


class UnsuitableFile(StellaryError, ValueError):
    """A file cannot become a project: it is not what it should be, or holds more than a project takes. Nothing was sent."""


class NotImported(StellaryError):
    """An archive did not become a project: one of its files could not be uploaded, for which the cause says why.

    Attributes:
        file: What that file is called.
        project_id: Of the project that was made, and could not be deleted again; None if nothing is left of it.
    """

    def __init__(self, message: str, file: str, project_id: str | None) -> None:
        super().__init__(message, file, project_id)
        self.file = file
        self.project_id = project_id

    def __str__(self) -> str:
        return str(self.args[0])


class UnsuitableDeclaration(StellaryError, ValueError):
    """What is declared of a project makes no sense, in itself or beside what there is. Nothing was changed.

    Attributes:
        problems: Each with its path in the declaration (``cards[3].labels[0]``) and what is wrong there.
    """

    def __init__(self, message: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[UnsuitableDeclaration], tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (str(self), self.problems)


class StalePlan(StellaryError):
    """Somebody has changed what a plan of ``project_setup`` is about since it was made: it has to be made again."""


class UnverifiedWebhook(StellaryError, ValueError):
    """What was received is no message of the webhook, or too old to be one that has just been sent."""
