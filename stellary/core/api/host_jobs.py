"""Handlers and jobs of a host: its own kinds of jobs, and the delivery of committed events to its handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from stellary.contract.refs import CardRef, Ref
from stellary.contract.router import AnyEndpoint
from stellary.core.api.job_runner import ATTEMPTS_MAX, JobHandler, JobRunner, LongRunningJob
from stellary.core.automations.triggers import fire
from stellary.core.kernel import jobs
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.event_handlers import E, EventDelivery, dump_delivery, read_delivery
from stellary.core.kernel.events import BaseEvent, CardEvent
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


class HostHandlers:
    """The part of ``Core`` that calls functions of an embedding application."""

    env: Environment
    work: JobRunner

    def on(self, event_type: type[E], handler: Callable[[UnitOfWork, E], object]) -> None:
        """Call a function for each event of a type, in the transaction of the change.

        The handler runs before the change is committed, as the actor of the change. What it writes through the unit
        is committed with the change. If it raises an ``ApiError`` such as ``Conflict``, the change is undone and the caller
        gets the error; a handler can thus veto a change. Within an automation rule, only the rule is undone. Any other
        exception undoes the change, and is a server error.

        Register handlers after creating the core, in each process, before it is used.

        Args:
            event_type: A class of ``stellary.core.kernel.events``, such as ``CardMoved``. The handler also receives events
                of its subclasses: ``CardEvent`` stands for everything that happens to a card.
            handler: Called with the unit and the event, for each event in the order of the changes. It may emit further
                events by calling services, up to ten deep.

        Raises:
            TypeError: The events of this type are internal.
        """
        self.env.event_handlers.add(event_type, handler)

    def restrict(self, check: Callable[[UnitOfWork, AnyEndpoint, Ref], object]) -> None:
        """Call a function before each service, which may refuse the call: for roles of your own.

        A check only restricts: the access checks of the core still apply. Automation rules, agents, tools and the SDK go
        through the same services. ``auth.register``, ``auth.login``, ``auth.change_password``, ``auth.delete_account`` and ``auth.reset_password``
        are not checked.

        Args:
            check: Called with the unit, the endpoint and the address of the resource. To refuse the call, raise
                ``Forbidden``. ``endpoint.operation`` is the name of the call, such as ``cards.delete``; ``uow.actor`` the
                caller. An action that is run by its name is checked with the address of its workspace first, and then
                with those of the resources that it uses. Return quickly, since each request waits.
        """
        self.env.restrictions.append(check)

    def after(self, event_type: type[E], handler: Callable[[EventDelivery[E]], object], *, name: str) -> None:
        """Call a function for each event of a type after the commit, as a background job.

        The job is stored in the transaction of the change, so that no event is lost, and none is delivered for
        a change that was rolled back. A handler that raises is called again, ten times in all, after pauses
        from 5 seconds to an hour; then the job is listed by ``work.jobs(given_up=True)``. Events may arrive
        in any order, and more than once: compare ``EventDelivery.id``. Each process runs two deliveries at a
        time. One that takes longer than a minute may be called in another process as well.

        Register handlers after creating the core, in each process, before ``work.start``. A process without the handler
        leaves its jobs to others; events are stored only by processes that have it.

        Args:
            event_type: A class of ``stellary.core.kernel.events``, as with ``on``.
            handler: Called with the delivery, outside of any transaction. Open a unit with ``run`` to write.
            name: The name of the handler in stored jobs, 1-54 characters. Keep it when you rename the function.

        Raises:
            RuntimeError: The job runner has been started.
            TypeError: The events of this type are internal.
            ValueError: The name is empty, too long or taken.
        """
        kind = build_kind("after", name)

        def enqueue(uow: UnitOfWork, event: BaseEvent) -> None:
            delivery = EventDelivery(uow.new_id(), event, uow.actor.user_id, uow.now)
            jobs.enqueue(uow, kind, dump_delivery(delivery))

        def deliver(units: Units, payload: object, renew: Callable[[], None]) -> None:
            handler(cast("EventDelivery[E]", read_delivery(payload, event_type)))

        self.work.add_handler(kind, LongRunningJob(deliver, attempts=ATTEMPTS_MAX, pool=POOL))
        self.env.event_handlers.add(event_type, enqueue)

    def add_job(self, name: str, handler: Callable[..., object], *, attempts: int = ATTEMPTS_MAX) -> None:
        """Add a kind of background job, for ``enqueue``.

        Args:
            name: The name of the kind, 1-55 characters.
            handler: Called with a unit without an actor, and the payload. The job is deleted in the unit, so its changes take
                effect once. To act on behalf of a user, pass the actor to ``uow.caused_by(None, actor)``.
            attempts: The number of attempts after which a job is given up. Default: 10.

        Raises:
            RuntimeError: The job runner has been started.
            ValueError: The name is empty, too long or taken.
        """
        self.work.add_handler(build_kind("host", name), JobHandler(handler, attempts))

    def enqueue(
        self,
        uow: UnitOfWork,
        name: str,
        payload: object,
        *,
        due_at: datetime | None = None,
        key: str | None = None,
    ) -> None:
        """Add a job, which runs after the unit has committed.

        Args:
            uow: The unit.
            name: The name of a kind that ``add_job`` has added, here or in the process that runs the job.
            payload: The argument of the handler, which must be JSON other than null.
            due_at: The earliest time to run it. By default, right away.
            key: The key of the job, 1-39 characters: nothing is added while a job of this kind with the same key is
                waiting. By default, the job has no key.
        """
        kind = build_kind("host", name)
        jobs.enqueue(uow, kind, payload, due_at=due_at, key=None if key is None else f"{kind} {key}")

    def fire(
        self,
        uow: UnitOfWork,
        trigger: str,
        card: CardRef | CardEvent,
        data: Mapping[str, object] | None = None,
    ) -> None:
        """Fire a trigger of your application: the rules that wait for it run before the unit commits.

        The rules are those of the card's project. They run with the rights of their owners, and each leaves a trace.

        Args:
            uow: A unit that may write. In a handler of ``on``, the unit of the handler: rules then belong to the chain of
                rules that caused the event, and are stopped with it.
            trigger: The name of a trigger that was passed as ``Core(triggers=…)``.
            card: The card, to which the actor of the unit must have access; or an event about it, in a handler.
            data: The values of the trigger's fields. A missing one is null. By default, none.

        Raises:
            ValueError: There is no such trigger of yours, or a value does not have the type of its field.
            NotFound: The actor has no access to the card, or there is no such card.
        """
        fire(uow, trigger, card, data or {})
