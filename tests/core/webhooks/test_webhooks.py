"""Webhooks: managed by admins; messages written with the change and retried until they are delivered."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import orjson
import pytest
from sqlalchemy import delete, update

from stellary.client.webhooks import verify
from stellary.contract.cards import CreateCard
from stellary.contract.refs import ColumnRef
from stellary.contract.webhooks import WEBHOOKS_MAX
from stellary.core import NOBODY, DeliveryResult
from stellary.core.webhooks import access, outbox
from tests.core.webhooks.webhook_api import URL, WebhookApi
from tests.support.boards import ask, status
from tests.support.core_parts import HANDLERS, BatchSize, JobRunner, cards, paging
from tests.support.statements import count_statements
from tests.support.tables import count_rows, webhooks
from tests.support.tables import webhook_deliveries as deliveries
from tests.support.world import at_once


def problem(webhook_api, path, body, method="POST"):
    answer = webhook_api.world.call(webhook_api.owner, method, path, body)
    return answer.status, orjson.loads(answer.body)["message"]


def test_secret_of_a_webhook_is_shown_once(webhook_api):
    hook = webhook_api.hook("card_moved", "card_moved")
    assert hook.pop("secret").startswith("whsec_")
    assert (hook["url"], hook["events"], hook["active"]) == (URL, ["card_moved"], True)
    assert ask(webhook_api, "GET", f"{webhook_api.flat}/webhooks") == [hook]
    changed = ask(webhook_api, "PATCH", webhook_api.of_hook(hook), {"events": []})
    assert changed == {**hook, "events": [], "updatedAt": changed["updatedAt"]}
    assert ask(webhook_api, "PATCH", webhook_api.of_hook(hook), {}) == changed


def test_update_with_the_same_values_in_the_same_moment_changes_nothing(webhook_api):
    hook = webhook_api.hook("card_moved")
    same = ask(webhook_api, "PATCH", webhook_api.of_hook(hook), {"active": True})
    assert same == {name: value for name, value in hook.items() if name != "secret"}


def test_webhook_that_is_deleted_during_its_update_is_not_found(webhook_api, monkeypatch):
    hook, load = webhook_api.hook(), access.webhook

    def load_before_deletion(uow, ref):
        loaded = load(uow, ref)
        uow.connection.execute(delete(webhooks).where(webhooks.c.id == hook["id"]))
        return loaded

    monkeypatch.setattr(access, "webhook", load_before_deletion)
    assert status(webhook_api, "PATCH", webhook_api.of_hook(hook), {"active": False}) == 404


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", "url must be a URL that begins with https:// or http://"),
        ("https:///path", "url must be a URL that begins with https:// or http://"),
        ("https://example.com:x/", "url must be a URL that begins with https:// or http://"),
        ("https://exa mple.com/", "url must be a URL that begins with https:// or http://"),
        ("https://[::1", "url must be a URL that begins with https:// or http://"),
        ("https://ann:secret@example.com/", "url must not hold a user name or a password"),
        ("http://localhost/", "url must lead to a public address"),
        ("http://db.internal/", "url must lead to a public address"),
        ("http://intranet/", "url must lead to a public address"),
        ("http://127.0.0.1:8080/", "url must lead to a public address"),
        ("http://10.0.0.1/", "url must lead to a public address"),
        ("http://169.254.169.254/latest", "url must lead to a public address"),
        ("http://[::1]/", "url must lead to a public address"),
        ("http://[::ffff:10.0.0.1]/", "url must lead to a public address"),
        ("http://[64:ff9b::7f00:1]/", "url must lead to a public address"),
        ("http://0.0.0.0/", "url must lead to a public address"),
        ("https://example.com:22/", "url must lead to one of the ports 80, 443"),
        ("http://example.com:0/", "url must lead to one of the ports 80, 443"),
    ],
)
def test_webhook_needs_a_public_url(webhook_api, url, message):
    assert problem(webhook_api, f"{webhook_api.flat}/webhooks", {"url": url}) == (400, message)
    hook = webhook_api.hook()
    assert problem(webhook_api, webhook_api.of_hook(hook), {"url": url}, "PATCH") == (400, message)


def test_private_address_is_accepted_if_allowed(webhook_api):
    webhook_api.world.core.env.private_webhooks = True
    assert (
        ask(
            webhook_api,
            "PATCH",
            webhook_api.of_hook(webhook_api.hook(url="http://127.0.0.1:8080/")),
            {"url": "http://localhost/", "active": False},
        )["url"]
        == "http://localhost/"
    )


def test_message_is_sent_to_an_allowed_port_only(webhook_api):
    env = webhook_api.world.core.env
    env.webhook_ports = {8443}
    urls = ["http://example.com:443/", "https://example.com:80/", "https://example.com:8443/"]
    hooks = [webhook_api.hook(url=url) for url in urls]
    # The operator has changed the setting since.
    env.webhook_ports = ()
    webhook_api.card("Write")
    webhook_api.send()
    assert {request.url for request in webhook_api.requests} == set(urls[:2])
    (delivery,) = webhook_api.deliveries(hooks[2])
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "its port is not allowed")


def test_workspace_has_at_most_twenty_webhooks(webhook_api):
    for _ in range(WEBHOOKS_MAX - 2):
        webhook_api.hook()
    path = f"{webhook_api.flat}/webhooks"

    def make():
        return status(webhook_api, "POST", path, {"url": URL})

    assert Counter(at_once(*[make] * 4)) == {201: 2, 409: 2}
    assert problem(webhook_api, path, {"url": URL}) == (409, "a workspace has at most 20 webhooks")


def test_activity_is_sent_once_and_signed(webhook_api):
    hook = webhook_api.hook()
    card = webhook_api.card("Write")
    (message,) = webhook_api.send()
    (request,) = webhook_api.requests
    id, read = verify(request.headers, request.body, hook["secret"], now=webhook_api.clock.now)
    assert (message["type"], message["data"]["cardId"], message["data"]["actorName"]) == (
        "card_created",
        card["id"],
        "ann",
    )
    assert read.type == "card_created"
    assert "Write" in read.data.meta.values()
    (delivery,) = webhook_api.deliveries(hook)
    assert (delivery["id"], delivery["status"], delivery["payload"]) == (
        id,
        "succeeded",
        request.body.decode(),
    )
    assert delivery["attempts"] == [
        {"at": delivery["createdAt"], "statusCode": 200, "error": None, "durationMs": 5}
    ]
    assert webhook_api.send() == []
    assert webhook_api.world.core.work.jobs() == []


def test_webhook_receives_its_events_only(webhook_api):
    webhook_api.hook(active=False)
    moved, all_of_it = webhook_api.hook("card_moved"), webhook_api.hook()
    ask(webhook_api, "PATCH", webhook_api.of(webhook_api.card()), {"columnId": webhook_api.columns[1]["id"]})
    webhook_api.send()
    assert [delivery["event"] for delivery in webhook_api.deliveries(moved)] == ["card_moved"]
    assert [delivery["event"] for delivery in webhook_api.deliveries(all_of_it)] == [
        "card_moved",
        "card_created",
    ]


def test_rolled_back_change_sends_no_message(webhook_api):
    hook = webhook_api.hook()
    path = f"{webhook_api.path}/columns/{webhook_api.columns[0]['id']}/cards"
    ref = webhook_api.workspace.ref.child(ColumnRef, webhook_api.project["id"], webhook_api.columns[0]["id"])
    with suppress(LookupError), webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        cards.create_card(uow, ref, CreateCard(title="Never"))
        raise LookupError
    assert status(webhook_api, "POST", path, {"title": ""}) == 400
    assert (webhook_api.deliveries(hook), webhook_api.send()) == ([], [])


def test_webhook_receives_no_activity_of_other_workspaces(webhook_api):
    hook = webhook_api.hook()
    type(webhook_api)(webhook_api.world, webhook_api.world.person("bob")).card()
    assert webhook_api.deliveries(hook) == []


def test_bulk_change_writes_its_messages_with_few_statements(webhook_api, monkeypatch):
    monkeypatch.setattr(outbox.LIMIT, "every", 2**96)
    hook = webhook_api.hook("card_created")

    def make(count):
        many = [{"title": str(number), "columnId": webhook_api.columns[0]["id"]} for number in range(count)]
        return count_statements(ask, webhook_api, "POST", f"{webhook_api.path}/cards/bulk", {"cards": many})

    assert make(3) == make(40)
    assert len(webhook_api.send()) == len(webhook_api.deliveries(hook)) == 43


def test_workspace_without_webhooks_costs_no_statement(webhook_api, statements):
    def count_statements():
        with statements() as sent_statements:
            webhook_api.card()
        return sum("stellary_webhooks" in statement for statement in sent_statements)

    assert count_statements() == 0
    webhook_api.hook("card_moved")
    assert count_statements() == 1


@pytest.mark.parametrize(
    "result",
    [
        DeliveryResult(None, "the connection failed"),
        DeliveryResult(408),
        DeliveryResult(429),
        DeliveryResult(500),
        DeliveryResult(503),
    ],
)
def test_temporary_failure_is_retried_with_the_same_message(webhook_api, result):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [result, result]
    for pause in (0, 5, 30):
        webhook_api.clock.advance(timedelta(seconds=pause))
        assert len(webhook_api.send()) == 1
        assert webhook_api.send() == []
    assert len({(request.headers["webhook-id"], request.body) for request in webhook_api.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in webhook_api.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 5, 35]
    (delivery,) = webhook_api.deliveries(hook)
    assert (delivery["status"], [attempt["statusCode"] for attempt in delivery["attempts"]]) == (
        "succeeded",
        [result.status, result.status, 200],
    )
    verify(
        webhook_api.requests[-1].headers,
        webhook_api.requests[-1].body,
        hook["secret"],
        now=webhook_api.clock.now,
    )


@pytest.mark.parametrize(
    "result",
    [
        DeliveryResult(301),
        DeliveryResult(400),
        DeliveryResult(410),
        DeliveryResult(None, "refused", final=True),
    ],
)
def test_permanent_failure_is_not_retried(webhook_api, result):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [result]
    webhook_api.send()
    (delivery,) = webhook_api.deliveries(hook, "status=failed")
    assert (
        len(delivery["attempts"]),
        delivery["nextAttemptAt"],
        webhook_api.deliveries(hook, "status=pending"),
    ) == (
        1,
        None,
        [],
    )


def test_message_is_given_up_after_a_day(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    began = webhook_api.clock.now
    webhook_api.answers = [DeliveryResult(500)] * 50
    while (delivery := webhook_api.deliveries(hook)[0])["status"] == "pending":
        webhook_api.clock.now = max(webhook_api.clock.now, _moment(delivery["nextAttemptAt"]))
        assert len(webhook_api.send()) == 1
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 11)
    assert timedelta(hours=24) < webhook_api.clock.now - began < timedelta(hours=30)
    assert webhook_api.world.core.work.jobs() == []


def _moment(text):
    return datetime.fromisoformat(text)


def test_retry_after_is_respected(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [DeliveryResult(429, retry_after=120.0)]
    webhook_api.send()
    (delivery,) = webhook_api.deliveries(hook)
    assert _moment(delivery["nextAttemptAt"]) - webhook_api.clock.now == timedelta(seconds=120)


def test_a_message_is_sent_again_with_the_same_id(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [DeliveryResult(410)]
    webhook_api.send()
    (delivery,) = webhook_api.deliveries(hook)
    path = f"{webhook_api.of_hook(hook)}/deliveries/{delivery['id']}/redeliver"
    again = ask(webhook_api, "POST", path)
    assert (again["status"], again["id"]) == ("pending", delivery["id"])
    assert problem(webhook_api, path, None) == (409, "the message is being delivered already")
    webhook_api.send()
    assert len({request.headers["webhook-id"] for request in webhook_api.requests}) == 1
    (delivery,) = webhook_api.deliveries(hook)
    assert (delivery["status"], [attempt["statusCode"] for attempt in delivery["attempts"]]) == (
        "succeeded",
        [410, 200],
    )


def test_body_of_a_delivered_message_is_deleted_after_a_day(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [DeliveryResult(410)]
    webhook_api.send()
    webhook_api.card()
    webhook_api.send()
    core, (delivered, failed) = webhook_api.world.core, webhook_api.deliveries(hook)
    for hours, payload in ((23, delivered["payload"]), (2, None)):
        webhook_api.clock.now += timedelta(hours=hours)
        assert core.delete_expired()["stellary_webhook_deliveries"] == 0
        assert [row["payload"] for row in webhook_api.deliveries(hook)] == [payload, failed["payload"]]
    path = f"{webhook_api.of_hook(hook)}/deliveries/"
    assert problem(webhook_api, f"{path}{delivered['id']}/redeliver", None) == (
        409,
        "the message was delivered more than a day ago, and its body was deleted",
    )
    assert ask(webhook_api, "POST", f"{path}{failed['id']}/redeliver")["payload"]


def test_concurrent_redeliveries_succeed_once(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.send()
    path = f"{webhook_api.of_hook(hook)}/deliveries/{webhook_api.deliveries(hook)[0]['id']}/redeliver"
    assert Counter(at_once(*[lambda: status(webhook_api, "POST", path)] * 3)) == {200: 1, 409: 2}
    assert len(webhook_api.send()) == 1


def test_disabled_webhook_gives_up_pending_messages(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    ask(webhook_api, "PATCH", webhook_api.of_hook(hook), {"active": False})
    assert webhook_api.send() == []
    (delivery,) = webhook_api.deliveries(hook)
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "the webhook is disabled")


@pytest.mark.parametrize("deleted", ["webhook", "workspace"])
def test_deletion_removes_pending_messages(webhook_api, deleted):
    hook = webhook_api.hook()
    webhook_api.card()
    paths = {"webhook": webhook_api.of_hook(hook), "workspace": webhook_api.flat}
    if deleted == "webhook":
        ask(webhook_api, "DELETE", paths[deleted])
    else:
        webhook_api.world.delete_for_good(webhook_api.owner, paths[deleted])
    assert webhook_api.send() == []
    assert count_rows(webhook_api.world.core, deliveries) == 0
    assert webhook_api.world.core.work.jobs() == []


def test_deletion_during_a_delivery_leaves_no_job(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()

    def delete_webhook(request):
        ask(webhook_api, "DELETE", webhook_api.of_hook(hook))
        return DeliveryResult(500)

    webhook_api.world.core.env.webhook_sender = delete_webhook
    webhook_api.worker.run_due()
    assert webhook_api.world.core.work.jobs() == []


def test_latest_and_pending_deliveries_are_kept(webhook_api, monkeypatch):
    monkeypatch.setattr(outbox.LIMIT, "rows_max", 2)
    hook = webhook_api.hook("card_created")
    for number in range(3):
        webhook_api.card(str(number))
    webhook_api.send()
    with webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        outbox.LIMIT.delete_oldest(uow, hook["id"])
    assert len(webhook_api.deliveries(hook)) == 2
    for number in range(3):
        webhook_api.card(str(number))
    with webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        outbox.LIMIT.delete_oldest(uow, hook["id"])
    assert [delivery["status"] for delivery in webhook_api.deliveries(hook)] == ["pending"] * 3


def test_deliveries_are_paginated(webhook_api):
    hook = webhook_api.hook("card_created")
    for number in range(3):
        webhook_api.card(str(number))
    ids = [delivery["id"] for delivery in webhook_api.deliveries(hook)]
    answer = webhook_api.world.call(
        webhook_api.owner, "GET", f"{webhook_api.of_hook(hook)}/deliveries?limit=2"
    )
    next_query = answer.headers["link"].partition("?")[2].partition(">")[0]
    assert [activity["id"] for activity in orjson.loads(answer.body)] == ids[:2]
    assert [delivery["id"] for delivery in webhook_api.deliveries(hook, next_query)] == ids[2:]


def test_without_a_sender_messages_wait(core, webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    core.env.webhook_sender = None
    assert core.webhook_worker.run_due() == 0
    assert webhook_api.deliveries(hook)[0]["status"] == "pending"


class Died(BaseException):
    """An exception that simulates the end of the process."""


def test_message_is_sent_again_after_a_crash_before_recording(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    deliver = webhook_api.world.core.env.webhook_sender

    def dies(request):
        deliver(request)
        raise Died

    webhook_api.world.core.env.webhook_sender = dies
    with pytest.raises(Died):
        webhook_api.worker.run_due()
    assert webhook_api.deliveries(hook)[0]["status"] == "pending"
    webhook_api.world.core.env.webhook_sender = deliver
    assert webhook_api.send() == []
    webhook_api.clock.advance(timedelta(seconds=61))
    assert len(webhook_api.send()) == 1
    assert len({(request.headers["webhook-id"], request.body) for request in webhook_api.requests}) == 1
    assert [attempt["statusCode"] for attempt in webhook_api.deliveries(hook)[0]["attempts"]] == [200]


def test_a_sender_that_fails_is_asked_again(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    deliver = webhook_api.world.core.env.webhook_sender

    def fails(request):
        raise RuntimeError("no more threads")

    webhook_api.world.core.env.webhook_sender = fails
    assert webhook_api.send() == []
    webhook_api.world.core.env.webhook_sender = deliver
    webhook_api.clock.advance(timedelta(seconds=10))
    assert len(webhook_api.send()) == 1
    assert webhook_api.deliveries(hook)[0]["status"] == "succeeded"


def test_concurrent_workers_send_each_message_once(webhook_api):
    webhook_api.hook()
    for number in range(8):
        webhook_api.card(str(number))
    at_once(*[webhook_api.worker.run_due] * 4)
    assert Counter(Counter(request.headers["webhook-id"] for request in webhook_api.requests).values()) == {
        1: 8
    }


def test_pages_by_status_look_through_a_bounded_number_of_messages(webhook_api, monkeypatch):
    hook = webhook_api.hook("card_created")
    for _ in range(10):
        webhook_api.card()
    ids = [delivery["id"] for delivery in webhook_api.deliveries(hook)]
    assert len(ids) == 10
    with webhook_api.world.core.begin(NOBODY) as uow:
        uow.connection.execute(update(deliveries).where(deliveries.c.id == ids[5]).values(status="failed"))
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = webhook_api.walk(f"{webhook_api.of_hook(hook)}/deliveries?status=failed&limit=3")
    assert [[delivery["id"] for delivery in page] for page in pages] == [[], [ids[5]], []]


def list_texts(webhook_api, hook):
    """Return the data of the messages of a webhook, newest first."""
    return [orjson.loads(delivery["payload"])["data"] for delivery in webhook_api.deliveries(hook)]


def test_messages_contain_comments_until_they_are_deleted(webhook_api):
    """Check a message that was sent, one that waits, and the one about the deletion."""
    hook, card = webhook_api.hook("comment_added", "comment_deleted"), webhook_api.card()
    comment = webhook_api.comment(card, "A secret.")
    (message,) = webhook_api.send()
    assert message["data"]["comment"] == comment
    webhook_api.comment(card, "Remaining.")
    webhook_api.answers = [DeliveryResult(500)] * 2
    webhook_api.send()
    ask(webhook_api, "DELETE", f"{webhook_api.of(card)}/comments/{comment['id']}")
    webhook_api.world.core.work.run_due()
    assert "A secret." not in str(list_texts(webhook_api, hook))
    comments = [data["comment"] for data in list_texts(webhook_api, hook)]
    assert [comment and comment["content"] for comment in comments] == [None, "Remaining.", None]


def test_deleted_comments_are_erased_together(webhook_api, core):
    """One job reads the messages for all of them, but not for those of another workspace."""
    apis = [webhook_api, WebhookApi(webhook_api.world, webhook_api.world.person("eve"))]
    hooks = [api.hook() for api in apis]
    for api in apis:
        card = api.card()
        comments = [api.comment(card, "A secret.") for _ in range(3)]
        for comment in comments:
            ask(api, "DELETE", f"{api.of(card)}/comments/{comment['id']}")
    handlers = {"webhooks.erase": HANDLERS["webhooks.erase"]}
    assert JobRunner(core.units, core.claims, handlers).run_due() == len(apis)
    for api, hook in zip(apis, hooks, strict=True):
        assert "A secret." not in str(list_texts(api, hook))


def test_purged_items_vanish_from_stored_messages(webhook_api):
    hook = webhook_api.hook()
    card, other = webhook_api.card("Hidden title", description="Hidden text"), webhook_api.card("Other title")
    webhook_api.comment(card, "Hidden comment")
    ask(
        webhook_api,
        "POST",
        f"{webhook_api.of(other)}/relations",
        {"targetCardId": card["id"], "type": "blocks"},
    )
    document = ask(webhook_api, "POST", f"{webhook_api.flat}/documents", {"title": "Hidden document"})
    ask(
        webhook_api,
        "POST",
        f"{webhook_api.flat}/documents/{document['id']}/comments",
        {"content": "Hidden word"},
    )
    assert str(list_texts(webhook_api, hook)).count("Hidden") > 10
    for path in (webhook_api.of(card), f"{webhook_api.flat}/documents/{document['id']}"):
        ask(webhook_api, "DELETE", path)
    for entry in ask(webhook_api, "GET", f"{webhook_api.flat}/trash"):
        ask(webhook_api, "DELETE", f"{webhook_api.flat}/trash/{entry['id']}")
    webhook_api.world.core.work.run_due()
    texts = str(list_texts(webhook_api, hook))
    assert ("Hidden" in texts, "Other title" in texts) == (False, True)


def test_purged_project_vanishes_from_stored_messages(webhook_api):
    """Its name is also in a message about a member. A card that has left it stays."""
    hook, member = webhook_api.hook(), webhook_api.world.person("bob")
    webhook_api.join(member)
    project = ask(webhook_api, "POST", f"{webhook_api.flat}/projects", {"name": "Hidden project"})
    path = f"{webhook_api.flat}/projects/{project['id']}"
    column = ask(webhook_api, "POST", f"{path}/columns", {"name": "Later"})
    ask(webhook_api, "POST", f"{path}/members", {"email": member.email})
    card = ask(webhook_api, "POST", f"{path}/columns/{column['id']}/cards", {"title": "Moved card"})
    target = {"columnId": webhook_api.columns[0]["id"]}
    ask(webhook_api, "POST", f"{path}/cards/{card['id']}/transfer", target)
    ask(webhook_api, "DELETE", path)
    (entry,) = ask(webhook_api, "GET", f"{webhook_api.flat}/trash")
    ask(webhook_api, "DELETE", f"{webhook_api.flat}/trash/{entry['id']}")
    webhook_api.world.core.work.run_due()
    texts = str(list_texts(webhook_api, hook))
    assert ("Hidden" in texts, "Moved card" in texts) == (False, True)


def test_purge_in_many_batches_reads_the_stored_messages_once(webhook_api, monkeypatch, core):
    monkeypatch.setattr(BatchSize, "MAX", 25)
    hook = webhook_api.hook()
    new_cards = [{"title": "Hidden card", "columnId": webhook_api.columns[0]["id"]}] * 70
    ask(webhook_api, "POST", f"{webhook_api.path}/cards/bulk", {"cards": new_cards})
    ask(webhook_api, "DELETE", webhook_api.path)
    (entry,) = ask(webhook_api, "GET", f"{webhook_api.flat}/trash")
    ask(webhook_api, "DELETE", f"{webhook_api.flat}/trash/{entry['id']}")
    handlers = {kind: handler for kind, handler in HANDLERS.items() if kind != "webhooks.erase"}
    JobRunner(core.units, core.claims, handlers).run_due()
    assert [job.kind for job in core.work.jobs()].count("webhooks.erase") == 1
    core.work.run_due()
    assert "Hidden" not in str(list_texts(webhook_api, hook))
