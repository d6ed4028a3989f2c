"""The table of retention rules: everything that grows with use, unless its owner deletes it."""

from __future__ import annotations

from typing import Final

from stellary.core.accounts import email_tokens, login_attempts, oauth_grants, sessions
from stellary.core.agents import audit
from stellary.core.automations import traces
from stellary.core.kernel import idempotency, jobs, model_usage
from stellary.core.kernel.retention import RetentionRule
from stellary.core.notifications import notifications
from stellary.core.webhooks import outbox

RULES: Final[tuple[RetentionRule, ...]] = (
    notifications.RETENTION,
    outbox.RETENTION,
    traces.RETENTION,
    audit.RETENTION,
    idempotency.RETENTION,
    jobs.RETENTION,
    model_usage.RETENTION,
    sessions.RETENTION,
    oauth_grants.RETENTION,
    email_tokens.RETENTION,
    *login_attempts.RETENTION,
)
"""The rules by which rows are deleted. The trash and unfinished imports end by jobs of their own."""
CONTENT_RULES: Final[tuple[RetentionRule, ...]] = (outbox.BODY_RETENTION,)
"""The rules by which rows lose a part of their contents."""
