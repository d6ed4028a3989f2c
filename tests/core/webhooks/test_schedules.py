"""The retry schedule of each webhook, and messages that are claimed, sent and recorded in batches."""

import threading
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from stellary.core import NOBODY, Core, DeliveryResult
from stellary.core.webhooks import queue, worker
from stellary.core.webhooks.rules import retries
from stellary.core.webhooks.rules.retries import DAY, WEBHOOK_PAUSE_MAX
from tests.support.boards import ask, status
from tests.support.core_parts import WebhookWorker, jobs, system_clock
from tests.support.plans import explain, sent_statements, steps_that_read_much
from tests.support.waiting import wait_until
from tests.support.world import at_once

DEAD = "https://dead.example.com/"
WAIT_SECONDS = 30


class Receivers:
    """A webhook sender to several receivers, some of which are down.

    Attributes:
        down: Their URLs, each with what it answers.
        messages: The ids of the messages that were sent, by URL.
    """

    def __init__(self, webhook_api) -> None:
        self.down: dict[str, DeliveryResult] = {}
        self.messages: dict[str, list[str]] = {}
        self.on_their_way: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()
        self.gate: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        webhook_api.world.core.env.webhook_sender = self.deliver

    def deliver(self, request):
        with self._lock:
            self.messages.setdefault(request.url, []).append(request.headers["webhook-id"])
            self.on_their_way[request.url] += 1
            self.busiest[request.url] = max(self.busiest[request.url], self.on_their_way[request.url])
        if request.url in self.gate:
            assert self.gate[request.url].wait(WAIT_SECONDS)
        with self._lock:
            self.on_their_way[request.url] -= 1
        return self.down.get(request.url, DeliveryResult(200))

    def count(self, url) -> int:
        with self._lock:
            return len(self.messages.get(url, []))


@pytest.fixture
def receivers(webhook_api):
    return Receivers(webhook_api)


def make_cards(webhook_api, count):
    cards = [{"title": str(number), "columnId": webhook_api.columns[0]["id"]} for number in range(count)]
    ask(webhook_api, "POST", f"{webhook_api.path}/cards/bulk", {"cards": cards})


def statuses(webhook_api, hook):
    return Counter(message["status"] for message in webhook_api.deliveries(hook))


def test_many_messages_are_sent_and_noted_with_few_transactions(webhook_api, receivers):
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 120)
    commits = []
    run = webhook_api.world.core.units.run
    webhook_api.world.core.units.run = lambda work, *arguments, **options: (
        commits.append(work),
        run(work, *arguments, **options),
    )[1]
    assert webhook_api.worker.run_due() == 120
    # Two loads of 50, one of 20, and the last note: the claim comes with the first load.
    assert len(commits) == 4
    assert statuses(webhook_api, hook) == {"succeeded": 120}


def test_failing_receiver_is_tried_with_one_message(webhook_api, receivers):
    dead = webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(503)
    make_cards(webhook_api, 60)
    webhook_api.send()
    assert receivers.count(DEAD) == 1
    for pause, count in ((5, 2), (30, 3), (120, 4)):
        webhook_api.clock.advance(timedelta(seconds=pause))
        webhook_api.send()
        webhook_api.send()
        assert receivers.count(DEAD) == count
    # Each of them with another message: one that is not to the receiver's liking does not delay the others.
    assert len(set(receivers.messages[DEAD])) == 4
    assert statuses(webhook_api, dead) == {"pending": 60}
    del receivers.down[DEAD]
    webhook_api.clock.advance(WEBHOOK_PAUSE_MAX)
    webhook_api.send()
    assert statuses(webhook_api, dead) == {"succeeded": 60}


def test_new_messages_wait_for_the_next_attempt_of_a_failing_receiver(webhook_api, receivers):
    hook = webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(None, "the connection failed")
    webhook_api.card()
    webhook_api.send()
    webhook_api.clock.advance(timedelta(seconds=1))
    webhook_api.card()
    assert webhook_api.worker.run_due() == 0
    newest, _ = webhook_api.deliveries(hook)
    assert newest["attempts"] == []
    assert datetime.fromisoformat(newest["nextAttemptAt"]) - webhook_api.clock.now == timedelta(seconds=4)
    # One job waits, however many messages do.
    assert len(webhook_api.world.core.work.jobs()) == 1


def test_a_webhook_tries_again_after_ten_minutes_at_the_latest(webhook_api, receivers):
    webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    make_cards(webhook_api, 40)
    began = webhook_api.clock.now
    while webhook_api.clock.now < began + timedelta(hours=3):
        webhook_api.send()
        (job,) = webhook_api.world.core.work.jobs()
        assert job.due_at - webhook_api.clock.now <= WEBHOOK_PAUSE_MAX
        webhook_api.clock.now = job.due_at


def test_a_receiver_that_asks_to_wait_is_left_alone_by_all_messages(webhook_api, receivers):
    webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(429, retry_after=1800.0)
    make_cards(webhook_api, 3)
    webhook_api.send()
    (job,) = webhook_api.world.core.work.jobs()
    assert job.due_at - webhook_api.clock.now == timedelta(minutes=30)


def test_rejected_message_does_not_delay_others(webhook_api):
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 9)
    webhook_api.answers = [DeliveryResult(200), DeliveryResult(500)]
    webhook_api.send()
    assert statuses(webhook_api, hook) == {"succeeded": 8, "pending": 1}


def test_messages_are_given_up_after_a_day_of_failures(webhook_api, receivers):
    hook = webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    make_cards(webhook_api, 250)
    began = webhook_api.clock.now
    while waiting := webhook_api.world.core.work.jobs():
        webhook_api.clock.now = max(webhook_api.clock.now, waiting[0].due_at)
        webhook_api.send()
    # The last ones to be tried wait for their own next try, which is at most eleven hours later.
    assert timedelta(0) <= webhook_api.clock.now - began - DAY < timedelta(hours=12)
    deliveries = webhook_api.deliveries(hook)
    assert {message["status"] for message in deliveries} == {"failed"}
    assert Counter(message["attempts"][-1]["error"] for message in deliveries)[queue.EXPIRED] > 50


def test_messages_are_not_given_up_while_the_server_was_down(webhook_api, receivers):
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 3)
    webhook_api.clock.advance(3 * DAY)
    receivers.down[hook["url"]] = DeliveryResult(500)
    webhook_api.send()
    assert statuses(webhook_api, hook) == {"pending": 3}


@pytest.mark.parametrize("how", ["redeliver", "change"])
def test_a_webhook_that_waits_is_resumed_by_its_admin(webhook_api, receivers, how):
    hook = webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(410)
    refused = webhook_api.card()
    webhook_api.send()
    receivers.down[DEAD] = DeliveryResult(500)
    make_cards(webhook_api, 5)
    for _ in range(6):
        webhook_api.send()
        webhook_api.clock.advance(WEBHOOK_PAUSE_MAX)
    webhook_api.send()
    assert refused
    receivers.down.clear()
    if how == "redeliver":
        (failed,) = webhook_api.deliveries(hook, "status=failed")
        path = f"{webhook_api.of_hook(hook)}/deliveries/{failed['id']}/redeliver"
        assert status(webhook_api, "POST", path) == 200
    else:
        ask(webhook_api, "PATCH", webhook_api.of_hook(hook), {"url": DEAD + "new"})
    # What was tried keeps its own pauses.
    assert webhook_api.worker.run_due() >= 4


def test_messages_put_off_by_a_clock_that_was_ahead_are_sent_when_it_is_right_again(webhook_api, receivers):
    hook = webhook_api.hook("card_created", url=DEAD)
    webhook_api.clock.advance(timedelta(days=30))
    make_cards(webhook_api, 3)
    receivers.down[DEAD] = DeliveryResult(500)
    webhook_api.send()
    webhook_api.clock.advance(timedelta(days=-30))
    del receivers.down[DEAD]
    webhook_api.send()
    assert statuses(webhook_api, hook) == {"succeeded": 3}


def test_several_workers_send_each_message_once(webhook_api, receivers):
    hooks = [webhook_api.hook("card_created", url=f"https://{number}.example.com/") for number in range(5)]
    make_cards(webhook_api, 70)
    workers = [WebhookWorker(webhook_api.world.core.units, webhook_api.world.core.claims) for _ in range(4)]
    at_once(*[worker.run_due for worker in workers])
    for hook in hooks:
        assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 70}
    webhook_api.clock.advance(queue.BUSY_PAUSE)
    assert webhook_api.worker.run_due() == 0
    assert webhook_api.world.core.work.jobs() == []


def test_worker_without_its_claim_records_sent_messages_and_stops(webhook_api, receivers):
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 3)
    deliver = receivers.deliver

    def lose(request):
        webhook_api.world.core.env.webhook_sender = deliver
        with webhook_api.world.core.database.writing() as connection:
            assert jobs.release(connection, webhook_api.clock.now) == 1
        return deliver(request)

    webhook_api.world.core.env.webhook_sender = lose
    webhook_api.worker.run_due()
    assert statuses(webhook_api, hook) == {"succeeded": 3}
    assert webhook_api.world.core.work.jobs() == []


def test_claim_is_renewed_during_slow_deliveries(webhook_api, receivers, monkeypatch):
    monkeypatch.setattr(worker, "RENEW_SECONDS", 0.0)
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 8)
    other_messages = []

    def deliver_slowly(request):
        webhook_api.clock.advance(timedelta(seconds=20))
        other_messages.append(
            WebhookWorker(webhook_api.world.core.units, webhook_api.world.core.claims).run_due()
        )
        return receivers.deliver(request)

    webhook_api.world.core.env.webhook_sender = deliver_slowly
    assert webhook_api.worker.run_due() == 8
    assert other_messages == [0] * 8
    assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 8}


# ------------------------------------------------------------------------------------------------ in threads


@pytest.fixture
def running_worker(webhook_api, receivers):
    """Run the worker in its threads with a real clock."""
    webhook_api.world.core.env.clock = system_clock
    webhook_api.worker.start()
    yield webhook_api.worker
    for gate in receivers.gate.values():
        gate.set()
    assert webhook_api.worker.stop(WAIT_SECONDS)


def test_receivers_that_hang_do_not_hold_up_others(webhook_api, receivers, running_worker):
    hanging = [f"https://hanging-{number}.example.com/" for number in range(3)]
    for url in hanging:
        receivers.gate[url] = threading.Event()
        webhook_api.hook("card_created", url=url)
    good = webhook_api.hook("card_created")
    make_cards(webhook_api, 60)
    wait_until(lambda: receivers.count(good["url"]) == 60)
    wait_until(lambda: statuses(webhook_api, good) == {"succeeded": 60})
    assert all(receivers.count(url) <= worker.PER_WEBHOOK_MAX for url in hanging)


@pytest.mark.slow("delivers to slow receivers")
def test_receivers_that_failed_before_get_a_share_of_the_threads(
    webhook_api, receivers, running_worker, monkeypatch
):
    monkeypatch.setattr(retries, "PAUSES", (timedelta(seconds=0.5),) * 10)
    dead = [f"https://dead-{number}.example.com/" for number in range(12)]
    for url in dead:
        receivers.down[url] = DeliveryResult(None, "the connection failed")
        webhook_api.hook("card_created", url=url)
    make_cards(webhook_api, 1)
    wait_until(lambda: all(receivers.count(url) == 1 for url in dead))
    receivers.gate = {url: threading.Event() for url in dead}
    good = webhook_api.hook("card_created")
    # By now they are tried again, and hang.
    wait_until(lambda: sum(receivers.on_their_way[url] for url in dead) == worker.FAILING_MAX)
    make_cards(webhook_api, 10)
    wait_until(lambda: receivers.count(good["url"]) == 10)
    assert sum(receivers.on_their_way[url] for url in dead) == worker.FAILING_MAX


def test_concurrent_messages_of_a_webhook_are_limited(webhook_api, receivers, running_worker):
    hook = webhook_api.hook("card_created")
    receivers.gate[hook["url"]] = threading.Event()
    make_cards(webhook_api, 20)
    wait_until(lambda: receivers.on_their_way[hook["url"]] == worker.PER_WEBHOOK_MAX)
    receivers.gate[hook["url"]].set()
    wait_until(lambda: statuses(webhook_api, hook) == {"succeeded": 20})
    assert receivers.busiest[hook["url"]] == worker.PER_WEBHOOK_MAX


def test_a_backlog_does_not_wait_for_the_pause_between_transactions(webhook_api, receivers, monkeypatch):
    monkeypatch.setattr(worker, "SETTLE_SECONDS", 10.0)
    loads = 5
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, loads * queue.LOAD_MAX)
    began = time.monotonic()
    webhook_api.worker.start()
    wait_until(lambda: receivers.count(hook["url"]) == loads * queue.LOAD_MAX)
    # The pauses between the loads alone would take twice as long.
    assert time.monotonic() - began < (loads - 1) * worker.SETTLE_SECONDS / 2
    assert webhook_api.worker.stop(WAIT_SECONDS)


def test_stopping_worker_releases_its_claims_immediately(webhook_api, receivers, database_url):
    hook = webhook_api.hook("card_created")
    receivers.gate[hook["url"]] = threading.Event()
    make_cards(webhook_api, 30)
    webhook_api.worker.start()
    wait_until(lambda: receivers.on_their_way[hook["url"]] == worker.PER_WEBHOOK_MAX)
    assert not webhook_api.worker.stop(0)
    receivers.gate[hook["url"]].set()
    assert webhook_api.worker.stop(WAIT_SECONDS)
    assert statuses(webhook_api, hook) == {"succeeded": worker.PER_WEBHOOK_MAX, "pending": 26}
    with closing(Core(database_url, webhook_sender=receivers.deliver)) as other:
        other.env.clock = webhook_api.clock
        assert other.webhook_worker.run_due() == 26
    assert Counter(Counter(receivers.messages[hook["url"]]).values()) == {1: 30}


def test_a_sender_that_raises_ends_no_thread(webhook_api, receivers, running_worker):
    hook = webhook_api.hook("card_created")
    deliver, failed = receivers.deliver, threading.Event()

    def fail(request):
        failed.set()
        webhook_api.world.core.env.webhook_sender = deliver
        raise RuntimeError("no more threads")

    webhook_api.world.core.env.webhook_sender = fail
    webhook_api.card()
    assert failed.wait(WAIT_SECONDS)
    wait_until(lambda: len(webhook_api.deliveries(hook)[0]["attempts"]) == 1)
    assert webhook_api.deliveries(hook)[0]["attempts"][0]["error"] == "it could not be sent: RuntimeError"


# ------------------------------------------------------------------------------------------------ a backlog


@pytest.mark.slow("delivers a large backlog")
def test_no_statement_of_the_worker_reads_the_backlog(webhook_api, receivers):
    dead = webhook_api.hook("card_created", url=DEAD)
    receivers.down[DEAD] = DeliveryResult(500)
    for _ in range(5):
        make_cards(webhook_api, 500)
    webhook_api.send()
    hook = webhook_api.hook("card_created")
    make_cards(webhook_api, 60)
    with webhook_api.world.core.begin(NOBODY) as uow:
        jobs.enqueue_all(uow, "unheard of", list(range(2_000)))
    with sent_statements() as recorded_statements:
        assert webhook_api.worker.run_due() == 60
        webhook_api.clock.advance(timedelta(seconds=5))
        assert webhook_api.worker.run_due() == 1
    tables = ("stellary_jobs", "stellary_webhook_deliveries")
    ours = [statement for statement in recorded_statements if any(table in statement[0] for table in tables)]
    assert len(ours) >= 8
    # Without statistics, PostgreSQL guesses how much it would sort.
    without = ("seqscan", "bitmapscan", "sort")
    much = {
        statement[0]: steps_that_read_much(explain(webhook_api.world.core, statement, without))
        for statement in ours
    }
    # The webhooks themselves are locked in the order of their ids, so that two workers wait in no circle.
    few = {'Sort Key: stellary_webhooks.id COLLATE "C"', "Sort Key: stellary_webhooks.id"}
    assert {sql: steps for sql, steps in much.items() if set(steps) - few} == {}
    assert (statuses(webhook_api, dead)["pending"], statuses(webhook_api, hook)) == (2560, {"succeeded": 60})
