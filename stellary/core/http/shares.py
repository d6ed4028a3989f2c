"""The shares of a thread pool that one user, project or workspace may use at a time.

On PostgreSQL, changes of the same project wait for each other, each in a thread. Without a limit, one busy project would
occupy all threads, and all other projects would wait as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from stellary.contract.refs import Ref, WorkspaceRef


@attrs.frozen
class Owner:
    """The project, the workspace and the user that a job belongs to, as far as they are known.

    Owners are equal if their project and workspace are.

    Attributes:
        workspace: As ``acme/eng``.
        project: The id of the project.
        user: The id of the user; before it is known, the token or the address of the client.
    """

    workspace: str | None = None
    project: str | None = None
    user: str | None = attrs.field(default=None, eq=False)


NO_OWNER = Owner()
USERS_MAX = 4096


def owner_of(ref: Ref, user: str | None = None) -> Owner:
    """Return the owner of a job for a ref.

    Args:
        ref: The ref in the path of a request.
        user: The user who sends it.
    """
    if not isinstance(ref, WorkspaceRef):
        return Owner(user=user)
    return Owner(f"{ref.org_slug}/{ref.ws_slug}", getattr(ref, "project_id", None), user)


class KnownUsers:
    """The users of the tokens that were used last, by which the tokens of one user share what the user may have."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def identify(self, authorization: str | None, client: str) -> str:
        """Return the user of a request: the id if it is known, or else the token, or else the address of the client.

        Args:
            authorization: The header of the request.
            client: The address of the client.
        """
        return self.find(authorization) or authorization or client

    def find(self, authorization: str | None) -> str | None:
        """Return the id of the user whose token a request has; None if it is not known.

        Args:
            authorization: The header of the request.
        """
        return None if authorization is None else self._ids.get(authorization)

    def record(self, authorization: str, user_id: str) -> None:
        """Remember whose token a request had.

        Args:
            authorization: The header of the request.
            user_id: The id of the user.
        """
        if authorization not in self._ids:
            if len(self._ids) >= USERS_MAX:
                del self._ids[next(iter(self._ids))]
            self._ids[authorization] = user_id


class Shares:
    """The threads of a pool that are in use, by owner.

    Args:
        threads: The number of threads. A project may use half of them, a workspace three quarters.
        user_max: The number of threads that a user may use. Default: all.
    """

    def __init__(self, threads: int, user_max: int | None = None) -> None:
        self._maxima = (max(1, threads // 2), max(1, threads * 3 // 4), user_max)
        self._taken: Counter[object] = Counter()

    def has_room(self, owner: Owner) -> bool:
        """Return whether an owner has not yet its share."""
        return all(self._taken[key] < most for key, most in self._list_limits(owner))

    def take(self, owner: Owner) -> bool:
        """Take a thread for an owner. Return False if the owner already has its share."""
        limits = list(self._list_limits(owner))
        if any(self._taken[key] >= most for key, most in limits):
            return False
        self._taken.update(key for key, _ in limits)
        return True

    def give_back(self, owner: Owner) -> None:
        """Return the thread that ``take`` has taken for this owner."""
        for key, _ in self._list_limits(owner):
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]

    def _list_limits(self, owner: Owner) -> Iterator[tuple[object, int]]:
        """Yield what is known of an owner as keys, each with the number of threads that it may use."""
        project_max, workspace_max, user_max = self._maxima
        if owner.project is not None:
            yield (owner.workspace, owner.project), project_max
        if owner.workspace is not None:
            yield owner.workspace, workspace_max
        if owner.user is not None and user_max is not None:
            yield (None, owner.user), user_max
