"""Channels of a host, over which notifications are delivered."""

from datetime import timedelta

import pytest

from stellary.core import Channel, Core
from tests.support.boards import ask, create_shared_board, end_access
from tests.support.core_parts import ATTEMPTS_MAX
from tests.support.world import StoppedClock


class Chat:
    """A service that keeps the deliveries, and fails ``failure_count`` times."""

    def __init__(self):
        self.deliveries = []
        self.failure_count = 0

    def send(self, delivery):
        if self.failure_count:
            self.failure_count -= 1
            raise ConnectionError
        self.deliveries.append(delivery)


@pytest.fixture
def chat():
    return Chat()


@pytest.fixture
def push():
    return Chat()


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def core_options(chat, push, clock):
    channels = [Channel("chat", chat.send), Channel("push", push.send, delay=timedelta(minutes=5))]
    return {"clock": clock, "channels": channels}


@pytest.fixture
def board(world):
    return create_shared_board(world)


def wait(clock, core, **duration):
    clock.now += timedelta(**duration)
    core.work.run_due()


def test_notification_is_delivered_after_the_commit(board, chat):
    card = board.card(assigneeId=board.bob.id)
    assert chat.deliveries == []
    board.world.core.work.run_due()
    (delivery,) = chat.deliveries
    (listed,) = board.world.ask(board.bob, "GET", "/notifications")
    assert delivery.notification.id == listed["id"]
    assert delivery.notification.activity.type == "card_created"
    assert delivery.notification.activity.card_id == card["id"]
    recipient = delivery.recipient
    assert (recipient.id, recipient.email, recipient.name) == (board.bob.id, board.bob.email, "bob")
    board.world.core.work.run_due()
    assert len(chat.deliveries) == 1


def test_recipient_has_the_id_of_the_host(board, chat, core):
    core.user(external_id="42", email="dan@example.com")
    membership_path = f"{board.workspace.organization.path}/members"
    ask(board, "POST", membership_path, {"email": "dan@example.com", "role": "admin"})
    dan = core.user(external_id="42")
    # Of the membership, and of the card.
    board.card(assigneeId=dan.user_id)
    core.work.run_due()
    assert [delivery.recipient.external_id for delivery in chat.deliveries] == ["42", "42"]


def test_failed_delivery_is_repeated_without_delaying_the_other_channel(board, chat, push, clock, core):
    chat.failure_count = 2
    board.card(assigneeId=board.bob.id)
    core.work.run_due()
    assert chat.deliveries == []
    wait(clock, core, minutes=5)
    assert len(push.deliveries) == 1
    wait(clock, core, minutes=5)
    assert len(chat.deliveries) == 1
    assert core.work.jobs(given_up=True) == []


def test_delivery_is_given_up_in_the_end_and_can_be_repeated(board, chat, clock, core):
    chat.failure_count = ATTEMPTS_MAX
    board.card(assigneeId=board.bob.id)
    for _ in range(ATTEMPTS_MAX):
        wait(clock, core, hours=2)
    (job,) = core.work.jobs(given_up=True)
    assert job.kind == "channel:chat"
    assert core.work.retry(job.id)
    core.work.run_due()
    assert len(chat.deliveries) == 1


def test_notification_that_was_read_before_the_delay_is_not_delivered(board, chat, push, clock, core):
    board.card(assigneeId=board.bob.id)
    core.work.run_due()
    board.world.ask(board.bob, "PATCH", "/notifications/read-all")
    board.card(assigneeId=board.bob.id)
    wait(clock, core, minutes=4)
    assert push.deliveries == []
    wait(clock, core, minutes=1)
    assert len(push.deliveries) == 1
    assert len(chat.deliveries) == 2


@pytest.mark.parametrize("how", ["leaves", "is deactivated"])
def test_user_without_access_gets_nothing(board, chat, how, core):
    board.card(assigneeId=board.bob.id)
    end_access(board, how)
    core.work.run_due()
    assert chat.deliveries == []
    assert core.work.jobs(given_up=True) == []


def test_two_channels_of_one_name_are_refused():
    with pytest.raises(ValueError, match="channel:chat"):
        Core("sqlite://", channels=[Channel("chat", print), Channel("chat", print)])
    with pytest.raises(ValueError, match="at least one character"):
        Core("sqlite://", channels=[Channel("", print)])
