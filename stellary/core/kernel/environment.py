"""The environment of a core: its clock, ids, secrets and ports, which every unit of work carries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import attrs

from stellary.contract.roles import Registration
from stellary.core.db.base import Clock, IdSource
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.event_handlers import EventHandlers
from stellary.core.kernel.item_memory import ItemMemory, Sized
from stellary.core.kernel.retention_days import Retention
from stellary.core.kernel.signals import Signals
from stellary.core.kernel.signer import Signer
from stellary.core.ports.blobs import Blobs
from stellary.core.ports.mail import Mailer
from stellary.core.ports.model_budgets import ModelBudgets
from stellary.core.ports.planner import Planner
from stellary.core.ports.webhook_sender import WebhookSender

LISTED_CARDS_MAX = 64 << 20
"""The size of the cards that a process remembers for lists, in bytes."""


@attrs.define(eq=False, kw_only=True)
class Environment:
    """The settings and ports of a core. Only tests change it, to replace a part such as the clock.

    Attributes:
        clock: Returns the current time, in UTC.
        new_id: Returns a new id of 24 lower-case hex digits.
        signer: Signs and verifies JWTs.
        bcrypt_rounds: The cost of new password hashes, as a power of two.
        registration: The people who may create an account.
        verify_email: Whether the owner of a new account has to confirm the address.
        trash_days: The number of days that deleted items stay in the trash.
        retention: The numbers of days for which other rows are kept.
        stored_rounds: The highest cost of any stored password hash; None until the first login reads it.
        mailer: Sends an ``Email``.
        sends_email: Whether the mailer reaches people. If not, the e-mails are logged, and inviters hand links on.
        public_url: The URL at which people reach the product, without a trailing slash.
        model_budgets: The numbers of tokens that calls of language models may use.
        planner: Asks the questions of project drafts and creates their roadmaps.
        answer_seconds: The longest time that a request waits for the result of a job, in seconds.
        webhook_sender: Sends webhook messages; None keeps them queued.
        private_webhooks: Whether webhooks may have receivers at addresses that are not public.
        webhook_ports: The ports of receivers that are allowed besides 80 and 443.
        blobs: The store of attachments.
        signals: Wakes the listeners in this process after a change.
        watermark: The commit watermark of the activity table, used on PostgreSQL.
        brains: The programs that decide for agents, by runtime. Their type is in ``agents.brains``, which
            imports this module.
        actions: The actions by name. Their type is in ``kernel.actions``.
        triggers: The triggers of automation rules by name. Their type is in ``automations.triggers``.
        channels: The kinds of jobs that deliver notifications over channels of the host, with their delays.
        message_channels: The names of the channels that take rendered messages.
        time_zone: The time zone of users who have not chosen one.
        services: The services by operation. Their type is in ``kernel.unit``.
        event_handlers: The handlers of events that the host has registered.
        listed_cards: The cards that lists have read. Their type is in ``board.queries.card_lists``.
        restrictions: The checks of the host that may refuse a call, beside the access checks.
    """

    clock: Clock
    new_id: IdSource
    signer: Signer
    bcrypt_rounds: int
    registration: Registration
    verify_email: bool
    trash_days: int
    retention: Retention
    mailer: Mailer
    sends_email: bool
    public_url: str
    model_budgets: ModelBudgets
    planner: Planner
    webhook_sender: WebhookSender | None
    private_webhooks: bool
    webhook_ports: Collection[int]
    blobs: Blobs
    watermark: CommitWatermark
    brains: Mapping[str, object]
    actions: Mapping[str, object]
    triggers: Mapping[str, object]
    services: Mapping[str, object]
    channels: Mapping[str, timedelta] = attrs.field(factory=dict)
    message_channels: Collection[str] = ()
    time_zone: str = "UTC"
    signals: Signals = attrs.field(factory=Signals)
    event_handlers: EventHandlers = attrs.field(factory=EventHandlers)
    restrictions: list[Callable[..., object]] = attrs.field(factory=list)
    answer_seconds: float = 30.0
    stored_rounds: int | None = None
    listed_cards: ItemMemory[Sized] = attrs.field(factory=lambda: ItemMemory(LISTED_CARDS_MAX))
