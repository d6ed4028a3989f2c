"""The numbers of days for which rows are kept, without the database, so that settings can be read without it."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Retention:
    """The number of days for which rows are kept. Each is at least 1.

    Attributes:
        notification_days: Notifications, after they were read. Default: 90.
        delivery_days: The messages of webhooks, after they were written; pending ones stay. Default: 30.
        audit_days: The audit entries of agents, and the usage of language models. Default: 90.
        trace_days: The traces of automations. Default: 30.
        job_days: Background jobs that were given up, after they were created. Default: 90.
    """

    notification_days: int = attrs.field(default=90, validator=attrs.validators.ge(1))
    delivery_days: int = attrs.field(default=30, validator=attrs.validators.ge(1))
    audit_days: int = attrs.field(default=90, validator=attrs.validators.ge(1))
    trace_days: int = attrs.field(default=30, validator=attrs.validators.ge(1))
    job_days: int = attrs.field(default=90, validator=attrs.validators.ge(1))
