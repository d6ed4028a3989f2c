"""The shares of a thread pool that one project or workspace may use at a time.

On PostgreSQL, changes of the same project wait for each other, each in a thread. Without a limit, one busy project would
occupy all threads, and all other projects would wait as well.
"""

from __future__ import annotations

from collections import Counter

import attrs

from stellary.contract.refs import Ref, WorkspaceRef


@attrs.frozen
class Owner:
    """The project and the workspace that a job belongs to, as far as they are known.

    Attributes:
        workspace: As ``acme/eng``.
        project: The id of the project.
    """

    workspace: str | None = None
    project: str | None = None


NO_OWNER = Owner()


def owner_of(ref: Ref) -> Owner:
    """Return the project and workspace that a job for a ref belongs to."""
    if not isinstance(ref, WorkspaceRef):
        return NO_OWNER
    return Owner(f"{ref.org_slug}/{ref.ws_slug}", getattr(ref, "project_id", None))


class Shares:
    """The threads of a pool that are in use, by owner.

    Args:
        threads: The number of threads. A project may use half of them, a workspace three quarters.
    """

    def __init__(self, threads: int) -> None:
        self._project_max = max(1, threads // 2)
        self._workspace_max = max(1, threads * 3 // 4)
        self._taken: Counter[object] = Counter()

    def take(self, owner: Owner) -> bool:
        """Take a thread for an owner. Return False if the owner already has its share."""
        project = (owner.workspace, owner.project)
        if owner.project is not None and self._taken[project] >= self._project_max:
            return False
        if owner.workspace is not None and self._taken[owner.workspace] >= self._workspace_max:
            return False
        self._taken[project] += 1
        self._taken[owner.workspace] += 1
        return True

    def give_back(self, owner: Owner) -> None:
        """Return the thread that ``take`` has taken for this owner."""
        for key in ((owner.workspace, owner.project), owner.workspace):
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
