"""Jobs of a host: its own kinds of jobs, and the delivery of committed events to its handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stellary.core.api.job_runner import ATTEMPTS_MAX, LongRunningJob
from stellary.core.kernel import jobs
from stellary.core.kernel.event_handlers import E, EventDelivery, dump_delivery, read_delivery
from stellary.core.kernel.events import BaseEvent
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.notifications.channels import Channel, load_delivery

POOL = "host"
"""The threads for event deliveries, so that a slow service of the host delays neither missions nor other jobs."""


def build_kind(prefix: str, name: str) -> str:
    """Return the kind of a host's job. The prefix keeps it apart from the kinds of the core.

    Args:
        prefix: The prefix, without the colon.
        name: The name of the job, as the host gives it.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("the name must have at least one character")
    return f"{prefix}:{name}"


def build_channel_kind(name: str) -> str:
    """Return the kind of the jobs that deliver notifications over a channel of the host.

    Raises:
        ValueError: The name is empty.
    """
    return build_kind("channel", name)


def build_channel_job(channel: Channel) -> LongRunningJob:
    """Return the job that delivers a notification over a channel, outside of any transaction."""

    def do(units: Units, payload: object, renew: Callable[[], None]) -> None:
        delivery = units.run(lambda uow: load_delivery(uow, payload), read_only=True)
        if delivery is not None:
            channel.deliver(delivery)

    return LongRunningJob(do, attempts=ATTEMPTS_MAX, pool=POOL)


def build_enqueuer(kind: str) -> Callable[[UnitOfWork, BaseEvent], None]:
    """Return a handler that adds a job of a kind for each event, in the transaction of the event."""

    def enqueue(uow: UnitOfWork, event: BaseEvent) -> None:
        delivery = EventDelivery(uow.new_id(), event, uow.actor.user_id, uow.now)
        jobs.enqueue(uow, kind, dump_delivery(delivery))

    return enqueue


def build_delivery_job(event_type: type[E], handler: Callable[[EventDelivery[E]], object]) -> LongRunningJob:
    """Return the job that calls a handler with the delivery of an event, outside of any transaction.

    Args:
        event_type: The type of the events, or one of which they are subclasses.
        handler: The function to call.
    """

    def deliver(units: Units, payload: object, renew: Callable[[], None]) -> None:
        handler(cast("EventDelivery[E]", read_delivery(payload, event_type)))

    return LongRunningJob(deliver, attempts=ATTEMPTS_MAX, pool=POOL)
