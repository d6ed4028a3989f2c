"""Webhooks: made and changed by admins; messages written with the change, and sent until they have arrived."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import orjson
import pytest
from sqlalchemy import bindparam, delete, func, select

from stellary.client.webhooks import verify
from stellary.contract.cards import CreateCard
from stellary.contract.refs import ColumnRef
from stellary.contract.webhooks import WEBHOOKS_MAX
from stellary.core.board import cards
from stellary.core.ports.webhook_sender import DeliveryResult
from stellary.core.webhooks import outbox
from stellary.core.webhooks.tables import deliveries
from tests.core.webhooks.webhook_api import URL
from tests.support.world import at_once


def problem(webhook_api, path, body, method="POST"):
    answer = webhook_api.world.call(webhook_api.owner, method, path, body)
    return answer.status, orjson.loads(answer.body)["message"]


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(webhook_api):
    hook = webhook_api.hook("card_moved", "card_moved")
    secret = hook.pop("secret")
    assert secret.startswith("whsec_")
    assert (hook["url"], hook["events"], hook["active"]) == (URL, ["card_moved"], True)
    assert webhook_api.world.ask(webhook_api.owner, "GET", f"{webhook_api.flat}/webhooks") == [hook]
    changed = webhook_api.world.ask(webhook_api.owner, "PATCH", webhook_api.of_hook(hook), {"events": []})
    assert changed == {**hook, "events": [], "updatedAt": changed["updatedAt"]}
    assert webhook_api.world.ask(webhook_api.owner, "PATCH", webhook_api.of_hook(hook), {}) == changed


@pytest.mark.parametrize(
    ("url", "said"),
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
    ],
)
def test_a_webhook_leads_to_a_public_url(webhook_api, url, said):
    assert problem(webhook_api, f"{webhook_api.flat}/webhooks", {"url": url}) == (400, said)
    hook = webhook_api.hook()
    assert problem(webhook_api, webhook_api.of_hook(hook), {"url": url}, "PATCH") == (400, said)


def test_other_addresses_will_do_where_that_is_allowed(webhook_api):
    webhook_api.world.core.env.private_webhooks = True
    hook = webhook_api.hook(url="http://127.0.0.1:8080/")
    assert (
        webhook_api.world.ask(
            webhook_api.owner,
            "PATCH",
            webhook_api.of_hook(hook),
            {"url": "http://localhost/", "active": False},
        )["url"]
        == "http://localhost/"
    )


def test_a_workspace_has_twenty_webhooks_at_most_however_they_are_made(webhook_api):
    for _ in range(WEBHOOKS_MAX - 2):
        webhook_api.hook()
    path = f"{webhook_api.flat}/webhooks"

    def make():
        return webhook_api.world.status(webhook_api.owner, "POST", path, {"url": URL})

    assert Counter(at_once(*[make] * 4)) == {201: 2, 409: 2}
    assert problem(webhook_api, path, {"url": URL}) == (409, "a workspace has at most 20 webhooks")


def test_what_happens_is_told_signed_and_once(webhook_api):
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
    (told,) = webhook_api.told(hook)
    assert (told["id"], told["status"], told["payload"]) == (id, "succeeded", request.body.decode())
    assert told["attempts"] == [{"at": told["createdAt"], "statusCode": 200, "error": None, "durationMs": 5}]
    assert webhook_api.send() == []
    assert webhook_api.world.core.work.jobs() == []


def test_a_webhook_hears_what_it_has_asked_for(webhook_api):
    moved, all_of_it = webhook_api.hook("card_moved"), webhook_api.hook()
    webhook_api.hook(active=False)
    card = webhook_api.card()
    webhook_api.world.ask(
        webhook_api.owner, "PATCH", webhook_api.of(card), {"columnId": webhook_api.columns[1]["id"]}
    )
    webhook_api.send()
    assert [each["event"] for each in webhook_api.told(moved)] == ["card_moved"]
    assert [each["event"] for each in webhook_api.told(all_of_it)] == ["card_moved", "card_created"]


def test_what_is_undone_is_not_told(webhook_api):
    hook = webhook_api.hook()
    path = f"{webhook_api.path}/columns/{webhook_api.columns[0]['id']}/cards"
    ref = webhook_api.workspace.ref.child(ColumnRef, webhook_api.project["id"], webhook_api.columns[0]["id"])
    with suppress(LookupError), webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        cards.create_card(uow, ref, CreateCard(title="Never"))
        raise LookupError
    assert webhook_api.world.status(webhook_api.owner, "POST", path, {"title": ""}) == 400
    assert (webhook_api.told(hook), webhook_api.send()) == ([], [])


def test_another_workspace_is_not_told_of(webhook_api):
    hook = webhook_api.hook()
    other = type(webhook_api)(webhook_api.world, webhook_api.world.person("bob"))
    other.card()
    assert webhook_api.told(hook) == []


def test_what_is_done_in_bulk_is_told_one_by_one_with_few_statements(webhook_api, statements, monkeypatch):
    monkeypatch.setattr(outbox, "DELETE_OLD_EVERY", 2**96)
    hook = webhook_api.hook("card_created")

    def make(count):
        many = [{"title": str(place), "columnId": webhook_api.columns[0]["id"]} for place in range(count)]
        with statements() as sent:
            webhook_api.world.ask(
                webhook_api.owner, "POST", f"{webhook_api.path}/cards/bulk", {"cards": many}
            )
        return len(sent)

    assert make(3) == make(40)
    assert len(webhook_api.send()) == len(webhook_api.told(hook)) == 43


def test_where_nobody_has_made_a_webhook_none_is_looked_for(webhook_api, statements):
    def asked():
        with statements() as sent:
            webhook_api.card()
        return sum("stellary_webhooks" in each for each in sent)

    assert asked() == 0
    webhook_api.hook("card_moved")
    assert asked() == 1


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
def test_what_may_help_is_tried_again_with_the_same_id_and_text(webhook_api, result):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [result, result]
    for pause in (0, 5, 30):
        webhook_api.clock.advance(timedelta(seconds=pause))
        assert len(webhook_api.send()) == 1
        assert webhook_api.send() == []
    assert len({(each.headers["webhook-id"], each.body) for each in webhook_api.requests}) == 1
    stamps = [int(each.headers["webhook-timestamp"]) for each in webhook_api.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 5, 35]
    (told,) = webhook_api.told(hook)
    assert (told["status"], [each["statusCode"] for each in told["attempts"]]) == (
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
def test_what_does_not_help_is_tried_once(webhook_api, result):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [result]
    webhook_api.send()
    (told,) = webhook_api.told(hook, "status=failed")
    assert (len(told["attempts"]), told["nextAttemptAt"], webhook_api.told(hook, "status=pending")) == (
        1,
        None,
        [],
    )


def test_it_is_tried_for_a_day_and_then_given_up(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    began = webhook_api.clock.now
    webhook_api.answers = [DeliveryResult(500)] * 50
    while (told := webhook_api.told(hook)[0])["status"] == "pending":
        webhook_api.clock.now = max(webhook_api.clock.now, _moment(told["nextAttemptAt"]))
        assert len(webhook_api.send()) == 1
    assert (told["status"], len(told["attempts"])) == ("failed", 11)
    assert timedelta(hours=24) < webhook_api.clock.now - began < timedelta(hours=30)
    assert webhook_api.world.core.work.jobs() == []


def _moment(text):
    return datetime.fromisoformat(text)


def test_who_asks_to_wait_is_waited_for(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [DeliveryResult(429, retry_after=120.0)]
    webhook_api.send()
    (told,) = webhook_api.told(hook)
    assert _moment(told["nextAttemptAt"]) - webhook_api.clock.now == timedelta(seconds=120)


def test_a_message_is_sent_again_with_the_same_id(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.answers = [DeliveryResult(410)]
    webhook_api.send()
    (told,) = webhook_api.told(hook)
    path = f"{webhook_api.of_hook(hook)}/deliveries/{told['id']}/redeliver"
    again = webhook_api.world.ask(webhook_api.owner, "POST", path)
    assert (again["status"], again["id"]) == ("pending", told["id"])
    assert problem(webhook_api, path, None) == (409, "the message is being delivered already")
    webhook_api.send()
    assert len({each.headers["webhook-id"] for each in webhook_api.requests}) == 1
    (told,) = webhook_api.told(hook)
    assert (told["status"], [each["statusCode"] for each in told["attempts"]]) == ("succeeded", [410, 200])


def test_of_two_who_send_it_again_at_once_one_does(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.send()
    path = f"{webhook_api.of_hook(hook)}/deliveries/{webhook_api.told(hook)[0]['id']}/redeliver"
    answers = at_once(*[lambda: webhook_api.world.status(webhook_api.owner, "POST", path)] * 3)
    assert Counter(answers) == {200: 1, 409: 2}
    assert len(webhook_api.send()) == 1


def test_a_webhook_that_is_off_gives_up_what_waits(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    webhook_api.world.ask(webhook_api.owner, "PATCH", webhook_api.of_hook(hook), {"active": False})
    assert webhook_api.send() == []
    (told,) = webhook_api.told(hook)
    assert (told["status"], told["attempts"][0]["error"]) == ("failed", "the webhook is turned off")


@pytest.mark.parametrize("gone", ["webhook", "workspace"])
def test_what_is_deleted_is_sent_no_more(webhook_api, gone):
    hook = webhook_api.hook()
    webhook_api.card()
    paths = {"webhook": webhook_api.of_hook(hook), "workspace": webhook_api.flat}
    webhook_api.world.ask(webhook_api.owner, "DELETE", paths[gone])
    assert webhook_api.send() == []
    with webhook_api.world.core.view(webhook_api.owner.actor) as uow:
        assert uow.connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 0
    assert webhook_api.world.core.work.jobs() == []


def test_a_webhook_that_is_deleted_while_a_message_is_on_its_way_leaves_nothing(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()

    def deletes(request):
        webhook_api.world.ask(webhook_api.owner, "DELETE", webhook_api.of_hook(hook))
        return DeliveryResult(500)

    webhook_api.world.core.env.webhook_sender = deletes
    webhook_api.worker.run_due()
    assert webhook_api.world.core.work.jobs() == []


def test_the_newest_thousand_are_kept_and_what_has_not_arrived(webhook_api, monkeypatch):
    monkeypatch.setattr(outbox, "DELIVERIES_MAX", 2)
    monkeypatch.setattr(outbox, "_DELETE_OLD", _forget_but(2))
    hook = webhook_api.hook("card_created")
    for place in range(3):
        webhook_api.card(str(place))
    webhook_api.send()
    with webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        outbox.delete_old_deliveries(uow, hook["id"])
    assert len(webhook_api.told(hook)) == 2
    for place in range(3):
        webhook_api.card(str(place))
    with webhook_api.world.core.begin(webhook_api.owner.actor) as uow:
        outbox.delete_old_deliveries(uow, hook["id"])
    assert [each["status"] for each in webhook_api.told(hook)] == ["pending"] * 3


def _forget_but(kept):
    old = deliveries.alias("old")
    this = bindparam("_webhook_id")
    last = select(old.c.id).where(old.c.webhook_id == this).order_by(old.c.id.desc()).limit(1).offset(kept)
    return delete(deliveries).where(
        deliveries.c.webhook_id == this,
        deliveries.c.status != "pending",
        deliveries.c.id <= last.scalar_subquery(),
    )


def test_deliveries_come_by_the_page(webhook_api):
    hook = webhook_api.hook("card_created")
    for place in range(3):
        webhook_api.card(str(place))
    ids = [each["id"] for each in webhook_api.told(hook)]
    answer = webhook_api.world.call(
        webhook_api.owner, "GET", f"{webhook_api.of_hook(hook)}/deliveries?limit=2"
    )
    rest = answer.headers["link"].partition("?")[2].partition(">")[0]
    assert [each["id"] for each in orjson.loads(answer.body)] == ids[:2]
    assert [each["id"] for each in webhook_api.told(hook, rest)] == ids[2:]


def test_without_a_sender_messages_wait(core, webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    core.env.webhook_sender = None
    assert core.webhook_worker.run_due() == 0
    assert webhook_api.told(hook)[0]["status"] == "pending"


class Died(BaseException):
    """The process has ended."""


def test_whoever_dies_between_sending_and_noting_leaves_the_message_to_be_sent_again(webhook_api):
    hook = webhook_api.hook()
    webhook_api.card()
    deliver = webhook_api.world.core.env.webhook_sender

    def dies(request):
        deliver(request)
        raise Died

    webhook_api.world.core.env.webhook_sender = dies
    with pytest.raises(Died):
        webhook_api.worker.run_due()
    assert webhook_api.told(hook)[0]["status"] == "pending"
    webhook_api.world.core.env.webhook_sender = deliver
    assert webhook_api.send() == []
    webhook_api.clock.advance(timedelta(seconds=61))
    assert len(webhook_api.send()) == 1
    assert len({(each.headers["webhook-id"], each.body) for each in webhook_api.requests}) == 1
    assert [each["statusCode"] for each in webhook_api.told(hook)[0]["attempts"]] == [200]


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
    assert webhook_api.told(hook)[0]["status"] == "succeeded"


def test_two_who_send_at_once_send_each_message_once(webhook_api):
    webhook_api.hook()
    for place in range(8):
        webhook_api.card(str(place))
    at_once(*[webhook_api.worker.run_due] * 4)
    assert Counter(Counter(each.headers["webhook-id"] for each in webhook_api.requests).values()) == {1: 8}
