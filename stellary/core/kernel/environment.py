"""The environment of a core: its clock, ids, secrets and ports, which every unit of work carries."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from stellary.core.db.base import Clock, IdSource
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.signals import Signals
from stellary.core.kernel.signer import Signer
from stellary.core.ports.blobs import Blobs
from stellary.core.ports.mail import Mailer
from stellary.core.ports.planner import Planner
from stellary.core.ports.webhook_sender import WebhookSender


@attrs.define(eq=False, kw_only=True)
class Environment:
    """What a core was made with. It changes only where a test replaces a part, such as the clock.

    Attributes:
        clock: Returns the current time, in UTC.
        new_id: Makes ids of 24 lower-case hex digits.
        signer: Signs and reads logins.
        bcrypt_rounds: The cost of a new password hash.
        stored_rounds: The highest cost of any stored hash; None until the first login looks it up.
        mailer: Takes mails.
        public_url: Where people reach the product, without a slash at the end.
        planner: Asks the questions of project drafts and makes their roadmaps.
        webhook_sender: Sends the messages of webhooks; None where they wait.
        private_webhooks: Whether webhooks may lead to addresses that are not public.
        blobs: The store of files.
        signals: Wakes up those in this process who wait for a change.
        watermark: Up to where the record of activities will not change any more; for PostgreSQL.
        brains: What thinks for agents, by runtime. ``agents.brains`` has their type, which builds on this module.
        actions: The registered actions by name; ``kernel.actions`` has their type.
        services: The services by operation; ``kernel.unit`` has their type.
    """

    clock: Clock
    new_id: IdSource
    signer: Signer
    bcrypt_rounds: int
    mailer: Mailer
    public_url: str
    planner: Planner
    webhook_sender: WebhookSender | None
    private_webhooks: bool
    blobs: Blobs
    watermark: CommitWatermark
    brains: Mapping[str, object]
    actions: Mapping[str, object]
    services: Mapping[str, object]
    signals: Signals = attrs.field(factory=Signals)
    stored_rounds: int | None = None
