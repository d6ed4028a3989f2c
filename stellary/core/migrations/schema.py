"""The current schema: all tables of the core in one metadata."""

from __future__ import annotations

from stellary.core.accounts import tables as accounts  # noqa: F401
from stellary.core.agents import tables as agents  # noqa: F401
from stellary.core.automations import tables as automations  # noqa: F401
from stellary.core.board import tables as board  # noqa: F401
from stellary.core.db.base import metadata
from stellary.core.kernel import idempotency, jobs, model_usage, owned_blobs, trash  # noqa: F401
from stellary.core.knowledge import tables as knowledge  # noqa: F401
from stellary.core.notifications import tables as notifications  # noqa: F401
from stellary.core.pilotage import tables as pilotage  # noqa: F401
from stellary.core.search import tables as search  # noqa: F401
from stellary.core.webhooks import tables as webhooks  # noqa: F401
from stellary.core.wizard import tables as wizard  # noqa: F401

__all__ = ["metadata"]
