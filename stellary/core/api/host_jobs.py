"""Jobs of a host: its own kinds of jobs, and the delivery of committed events to its handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import cast

from stellary.core.api.job_runner import ATTEMPTS_MAX, JobHandler, JobRunner, LongRunningJob
from stellary.core.kernel import jobs
from stellary.core.kernel.event_handlers import E, EventDelivery, dump_delivery, read_delivery
from stellary.core.kernel.events import BaseEvent
from stellary.core.kernel.unit import Actor, UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.notifications import deliveries
from stellary.core.notifications.channels import DISTRIBUTE, Channel, MessageChannel, load_delivery
from stellary.core.notifications.channels import build_kind as build_channel_kind

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


def list_delays(channels: Sequence[Channel | MessageChannel]) -> dict[str, timedelta]:
    """Return the kinds of jobs that deliver each notification over a channel, with their delays.

    Args:
        channels: The channels of the core.

    Raises:
        ValueError: A name is empty.
    """
    return {
        build_channel_kind(channel.name): channel.delay
        for channel in channels
        if isinstance(channel, Channel)
    }


def add_channels(runner: JobRunner, channels: Sequence[Channel | MessageChannel]) -> None:
    """Add the handlers of the jobs of channels.

    Args:
        runner: The runner of the core.
        channels: The channels of the core.

    Raises:
        ValueError: Two channels have the same name, or a name is empty or too long.
    """
    for channel in channels:
        runner.add_handler(build_channel_kind(channel.name), _build_channel_job(channel))
    if not all(isinstance(channel, Channel) for channel in channels):
        runner.add_handler(DISTRIBUTE, JobHandler(deliveries.distribute, attempts=None))
        runner.add_handler(deliveries.CHECK, JobHandler(deliveries.check, attempts=None, first={}))


def _build_channel_job(channel: Channel | MessageChannel) -> LongRunningJob:
    """Return the job that delivers a notification or a message over a channel, outside of any transaction."""

    def do(units: Units, payload: object, renew: Callable[[], None]) -> None:
        if isinstance(channel, Channel):
            delivery = units.run(lambda uow: load_delivery(uow, payload), read_only=True)
            if delivery is not None:
                channel.deliver(delivery)
            return
        recipient = Actor(cast("Mapping[str, str]", payload)["userId"])
        message = units.run(
            lambda uow: deliveries.load_message(uow, channel.name, payload), recipient, read_only=True
        )
        if message is not None:
            channel.send(message)

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
