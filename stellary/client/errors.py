"""The errors that only a client raises, besides those of the API.

    StellaryError
    ├── ApiError …               the API returned an error (``stellary.contract.errors``)
    ├── Unanswered               there is no response; ``reached`` says whether the request may have arrived
    │   ├── ConnectionFailed     refused, reset or cut off
    │   └── TimedOut             too slow
    ├── UnreadableAnswer         the response is not what the API promises
    ├── EndlessPages             a list links to a page that has been read before
    ├── Proposed                 the token is an agent's, and the change waits for approval
    ├── UnverifiedWebhook        a message is not from the webhook, or is too old
    ├── UnsuitableFile           a file cannot be imported as a project
    ├── NotImported              an archive could not be imported completely
    ├── UnsuitableDeclaration    a declaration is not valid, in itself or for that project
    └── StalePlan                the project has changed since the plan was made

The text of an error about a call is one line, with the request and the number of retries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stellary.contract.errors import RequestDetails, StellaryError

if TYPE_CHECKING:
    from stellary.contract.proposals import Proposal


class CallFailed(RequestDetails, StellaryError):
    """A call without a usable response.

    Attributes:
        message: The problem, in one sentence.
        method, path: The HTTP method and path of the request.
        request_id: The ``X-Request-Id`` of the response, if there is one.
        retries: The number of retries before the client gave up.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message + self.describe_request()


class Unanswered(CallFailed):
    """There is no response.

    Attributes:
        reached: Whether the request may have arrived, and so may have had an effect. False if no connection was made.
    """

    def __init__(self, message: str, *, reached: bool = True) -> None:
        super().__init__(message)
        self.reached = reached


class ConnectionFailed(Unanswered):
    """The connection was refused, or reset before the response was complete."""


class TimedOut(Unanswered):
    """The response took longer than the call's time-out."""


class UnreadableAnswer(CallFailed):
    """The status is 2xx, but the body is not what the API promises: a proxy's page, or a truncated body.

    Attributes:
        status: The HTTP status of the response.
        body: The bytes of the response.
    """

    def __init__(self, message: str, *, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class EndlessPages(CallFailed):
    """A list links to a page that has been read before, so that iterating would never end."""


class Proposed(CallFailed):
    """Nothing has changed yet: the token is an agent's, and a person has to approve the change.

    Attributes:
        proposal: The change that waits for approval.
    """

    def __init__(self, proposal: Proposal) -> None:
        super().__init__(f"the change waits for approval (proposal {proposal.id})")
        self.proposal = proposal

    def __reduce__(self) -> tuple[type[Proposed], tuple[Proposal], dict[str, Any]]:
        return type(self), (self.proposal,), self.__dict__


class UnsuitableFile(StellaryError, ValueError):
    """A file cannot be imported as a project: it is not valid, or exceeds the limits of a project. Nothing was sent."""


class NotImported(StellaryError):
    """An archive could not be imported: one of its files could not be uploaded. ``__cause__`` is the reason.

    Attributes:
        file: The name of that file.
        project_id: The id of the incomplete project if it could not be deleted again; None if nothing is left of it.
    """

    def __init__(self, message: str, file: str, project_id: str | None) -> None:
        super().__init__(message, file, project_id)
        self.file = file
        self.project_id = project_id

    def __str__(self) -> str:
        return str(self.args[0])


class UnsuitableDeclaration(StellaryError, ValueError):
    """A declaration of a project is not valid, in itself or for the existing project. Nothing was changed.

    Attributes:
        problems: The path in the declaration (``cards[3].labels[0]``) and the text of each problem.
    """

    def __init__(self, message: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[UnsuitableDeclaration], tuple[str, tuple[tuple[str, str], ...]]]:
        return type(self), (str(self), self.problems)


class StalePlan(StellaryError):
    """The project has changed since a plan of ``project_setup`` was made. Make a new plan."""


class UnverifiedWebhook(StellaryError, ValueError):
    """A message is not from the webhook, or is too old."""


class ArgumentError(TypeError):
    """An argument of a method has the wrong type."""


def check_type(name: str, value: object, *kinds: type) -> None:
    """Check the class of an argument.

    Args:
        name: The name of the parameter.
        value: The argument.
        kinds: The classes that it may have.

    Raises:
        ArgumentError: It has another class.
    """
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise ArgumentError(f"{name} must be {expected}, not {type(value).__name__}")
