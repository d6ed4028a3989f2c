"""The state of a login, as a part of the statements that read the caller's roles."""

from __future__ import annotations

from sqlalchemy import ScalarSelect, exists, select

from stellary.core.accounts.tables import sessions, users
from stellary.core.db.base import is_given

LOGIN_GENERATION: ScalarSelect[int] = (
    select(users.c.token_generation)
    .where(
        is_given(users.c.id, "user_id"),
        users.c.deactivated_at.is_(None),
        ~exists().where(
            is_given(sessions.c.id, "session_id"),
            is_given(sessions.c.user_id),
            sessions.c.ended_at.is_not(None),
        ),
    )
    .scalar_subquery()
)
"""The number of passwords that the caller has had; null if the account was deleted or deactivated, or the
caller's session has ended."""
