"""Webhooks: made and changed by admins; messages written with the change, and sent until they have arrived."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta

import orjson
import pytest
from sqlalchemy import bindparam, delete, func, select

from stellary.client.webhooks import verified
from stellary.contract.cards import CreateCard
from stellary.contract.refs import ColumnRef
from stellary.contract.webhooks import WEBHOOKS_MAX
from stellary.core.board import cards
from stellary.core.ports.webhook_sender import DeliveryResult
from stellary.core.webhooks import outbox
from stellary.core.webhooks.tables import deliveries
from tests.core.webhooks.switchboard import URL
from tests.support.world import at_once


def problem(switchboard, path, body, method="POST"):
    answer = switchboard.world.call(switchboard.owner, method, path, body)
    return answer.status, orjson.loads(answer.body)["message"]


def test_a_webhook_is_made_with_a_secret_that_is_shown_once(switchboard):
    hook = switchboard.hook("card_moved", "card_moved")
    secret = hook.pop("secret")
    assert secret.startswith("whsec_")
    assert (hook["url"], hook["events"], hook["active"]) == (URL, ["card_moved"], True)
    assert switchboard.world.ask(switchboard.owner, "GET", f"{switchboard.flat}/webhooks") == [hook]
    changed = switchboard.world.ask(switchboard.owner, "PATCH", switchboard.of_hook(hook), {"events": []})
    assert changed == {**hook, "events": [], "updatedAt": changed["updatedAt"]}
    assert switchboard.world.ask(switchboard.owner, "PATCH", switchboard.of_hook(hook), {}) == changed


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
def test_a_webhook_leads_to_a_public_url(switchboard, url, said):
    assert problem(switchboard, f"{switchboard.flat}/webhooks", {"url": url}) == (400, said)
    hook = switchboard.hook()
    assert problem(switchboard, switchboard.of_hook(hook), {"url": url}, "PATCH") == (400, said)


def test_other_addresses_will_do_where_that_is_allowed(switchboard):
    switchboard.world.core.env.private_webhooks = True
    hook = switchboard.hook(url="http://127.0.0.1:8080/")
    assert (
        switchboard.world.ask(
            switchboard.owner,
            "PATCH",
            switchboard.of_hook(hook),
            {"url": "http://localhost/", "active": False},
        )["url"]
        == "http://localhost/"
    )


def test_a_workspace_has_twenty_webhooks_at_most_however_they_are_made(switchboard):
    for _ in range(WEBHOOKS_MAX - 2):
        switchboard.hook()
    path = f"{switchboard.flat}/webhooks"

    def make():
        return switchboard.world.status(switchboard.owner, "POST", path, {"url": URL})

    assert Counter(at_once(*[make] * 4)) == {201: 2, 409: 2}
    assert problem(switchboard, path, {"url": URL}) == (409, "a workspace has at most 20 webhooks")


def test_what_happens_is_told_signed_and_once(switchboard):
    hook = switchboard.hook()
    card = switchboard.card("Write")
    (message,) = switchboard.send()
    (request,) = switchboard.requests
    id, read = verified(request.headers, request.body, hook["secret"], now=switchboard.clock.now)
    assert (message["type"], message["data"]["cardId"], message["data"]["actorName"]) == (
        "card_created",
        card["id"],
        "ann",
    )
    assert read.type == "card_created"
    assert "Write" in read.data.meta.values()
    (told,) = switchboard.told(hook)
    assert (told["id"], told["status"], told["payload"]) == (id, "succeeded", request.body.decode())
    assert told["attempts"] == [{"at": told["createdAt"], "statusCode": 200, "error": None, "durationMs": 5}]
    assert switchboard.send() == []
    assert switchboard.world.core.work.jobs() == []


def test_a_webhook_hears_what_it_has_asked_for(switchboard):
    moved, all_of_it = switchboard.hook("card_moved"), switchboard.hook()
    switchboard.hook(active=False)
    card = switchboard.card()
    switchboard.world.ask(
        switchboard.owner, "PATCH", switchboard.of(card), {"columnId": switchboard.columns[1]["id"]}
    )
    switchboard.send()
    assert [each["event"] for each in switchboard.told(moved)] == ["card_moved"]
    assert [each["event"] for each in switchboard.told(all_of_it)] == ["card_moved", "card_created"]


def test_what_is_undone_is_not_told(switchboard):
    hook = switchboard.hook()
    path = f"{switchboard.path}/columns/{switchboard.columns[0]['id']}/cards"
    ref = switchboard.workspace.ref.child(ColumnRef, switchboard.project["id"], switchboard.columns[0]["id"])
    with suppress(LookupError), switchboard.world.core.begin(switchboard.owner.actor) as uow:
        cards.create_card(uow, ref, CreateCard(title="Never"))
        raise LookupError
    assert switchboard.world.status(switchboard.owner, "POST", path, {"title": ""}) == 400
    assert (switchboard.told(hook), switchboard.send()) == ([], [])


def test_another_workspace_is_not_told_of(switchboard):
    hook = switchboard.hook()
    other = type(switchboard)(switchboard.world, switchboard.world.person("bob"))
    other.card()
    assert switchboard.told(hook) == []


def test_what_is_done_in_bulk_is_told_one_by_one_with_few_statements(switchboard, statements, monkeypatch):
    monkeypatch.setattr(outbox, "DELETE_OLD_EVERY", 2**96)
    hook = switchboard.hook("card_created")

    def make(count):
        many = [{"title": str(place), "columnId": switchboard.columns[0]["id"]} for place in range(count)]
        with statements() as sent:
            switchboard.world.ask(
                switchboard.owner, "POST", f"{switchboard.path}/cards/bulk", {"cards": many}
            )
        return len(sent)

    assert make(3) == make(40)
    assert len(switchboard.send()) == len(switchboard.told(hook)) == 43


def test_where_nobody_has_made_a_webhook_none_is_looked_for(switchboard, statements):
    def asked():
        with statements() as sent:
            switchboard.card()
        return sum("stellary_webhooks" in each for each in sent)

    assert asked() == 0
    switchboard.hook("card_moved")
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
def test_what_may_help_is_tried_again_with_the_same_id_and_text(switchboard, result):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.answers = [result, result]
    for pause in (0, 5, 30):
        switchboard.clock.advance(timedelta(seconds=pause))
        assert len(switchboard.send()) == 1
        assert switchboard.send() == []
    assert len({(each.headers["webhook-id"], each.body) for each in switchboard.requests}) == 1
    stamps = [int(each.headers["webhook-timestamp"]) for each in switchboard.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 5, 35]
    (told,) = switchboard.told(hook)
    assert (told["status"], [each["statusCode"] for each in told["attempts"]]) == (
        "succeeded",
        [result.status, result.status, 200],
    )
    verified(
        switchboard.requests[-1].headers,
        switchboard.requests[-1].body,
        hook["secret"],
        now=switchboard.clock.now,
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
def test_what_does_not_help_is_tried_once(switchboard, result):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.answers = [result]
    switchboard.send()
    (told,) = switchboard.told(hook, "status=failed")
    assert (len(told["attempts"]), told["nextAttemptAt"], switchboard.told(hook, "status=pending")) == (
        1,
        None,
        [],
    )


def test_it_is_tried_for_a_day_and_then_given_up(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    began = switchboard.clock.now
    switchboard.answers = [DeliveryResult(500)] * 50
    while (told := switchboard.told(hook)[0])["status"] == "pending":
        switchboard.clock.now = max(switchboard.clock.now, _moment(told["nextAttemptAt"]))
        assert len(switchboard.send()) == 1
    assert (told["status"], len(told["attempts"])) == ("failed", 11)
    assert timedelta(hours=24) < switchboard.clock.now - began < timedelta(hours=30)
    assert switchboard.world.core.work.jobs() == []


def _moment(text):
    return datetime.fromisoformat(text)


def test_who_asks_to_wait_is_waited_for(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.answers = [DeliveryResult(429, retry_after=120.0)]
    switchboard.send()
    (told,) = switchboard.told(hook)
    assert _moment(told["nextAttemptAt"]) - switchboard.clock.now == timedelta(seconds=120)


def test_a_message_is_sent_again_with_the_same_id(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.answers = [DeliveryResult(410)]
    switchboard.send()
    (told,) = switchboard.told(hook)
    path = f"{switchboard.of_hook(hook)}/deliveries/{told['id']}/redeliver"
    again = switchboard.world.ask(switchboard.owner, "POST", path)
    assert (again["status"], again["id"]) == ("pending", told["id"])
    assert problem(switchboard, path, None) == (409, "it is being delivered")
    switchboard.send()
    assert len({each.headers["webhook-id"] for each in switchboard.requests}) == 1
    (told,) = switchboard.told(hook)
    assert (told["status"], [each["statusCode"] for each in told["attempts"]]) == ("succeeded", [410, 200])


def test_of_two_who_send_it_again_at_once_one_does(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.send()
    path = f"{switchboard.of_hook(hook)}/deliveries/{switchboard.told(hook)[0]['id']}/redeliver"
    answers = at_once(*[lambda: switchboard.world.status(switchboard.owner, "POST", path)] * 3)
    assert Counter(answers) == {200: 1, 409: 2}
    assert len(switchboard.send()) == 1


def test_a_webhook_that_is_off_gives_up_what_waits(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    switchboard.world.ask(switchboard.owner, "PATCH", switchboard.of_hook(hook), {"active": False})
    assert switchboard.send() == []
    (told,) = switchboard.told(hook)
    assert (told["status"], told["attempts"][0]["error"]) == ("failed", "the webhook is turned off")


@pytest.mark.parametrize("gone", ["webhook", "workspace"])
def test_what_is_deleted_is_sent_no_more(switchboard, gone):
    hook = switchboard.hook()
    switchboard.card()
    paths = {"webhook": switchboard.of_hook(hook), "workspace": switchboard.flat}
    switchboard.world.ask(switchboard.owner, "DELETE", paths[gone])
    assert switchboard.send() == []
    with switchboard.world.core.view(switchboard.owner.actor) as uow:
        assert uow.connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 0
    assert switchboard.world.core.work.jobs() == []


def test_a_webhook_that_is_deleted_while_a_message_is_on_its_way_leaves_nothing(switchboard):
    hook = switchboard.hook()
    switchboard.card()

    def deletes(request):
        switchboard.world.ask(switchboard.owner, "DELETE", switchboard.of_hook(hook))
        return DeliveryResult(500)

    switchboard.world.core.env.webhook_sender = deletes
    switchboard.worker.run_due()
    assert switchboard.world.core.work.jobs() == []


def test_the_newest_thousand_are_kept_and_what_has_not_arrived(switchboard, monkeypatch):
    monkeypatch.setattr(outbox, "DELIVERIES_MAX", 2)
    monkeypatch.setattr(outbox, "_DELETE_OLD", _forget_but(2))
    hook = switchboard.hook("card_created")
    for place in range(3):
        switchboard.card(str(place))
    switchboard.send()
    with switchboard.world.core.begin(switchboard.owner.actor) as uow:
        outbox.delete_old_deliveries(uow, hook["id"])
    assert len(switchboard.told(hook)) == 2
    for place in range(3):
        switchboard.card(str(place))
    with switchboard.world.core.begin(switchboard.owner.actor) as uow:
        outbox.delete_old_deliveries(uow, hook["id"])
    assert [each["status"] for each in switchboard.told(hook)] == ["pending"] * 3


def _forget_but(kept):
    old = deliveries.alias("old")
    this = bindparam("_webhook_id")
    last = select(old.c.id).where(old.c.webhook_id == this).order_by(old.c.id.desc()).limit(1).offset(kept)
    return delete(deliveries).where(
        deliveries.c.webhook_id == this,
        deliveries.c.status != "pending",
        deliveries.c.id <= last.scalar_subquery(),
    )


def test_deliveries_come_by_the_page(switchboard):
    hook = switchboard.hook("card_created")
    for place in range(3):
        switchboard.card(str(place))
    ids = [each["id"] for each in switchboard.told(hook)]
    answer = switchboard.world.call(
        switchboard.owner, "GET", f"{switchboard.of_hook(hook)}/deliveries?limit=2"
    )
    rest = answer.headers["link"].partition("?")[2].partition(">")[0]
    assert [each["id"] for each in orjson.loads(answer.body)] == ids[:2]
    assert [each["id"] for each in switchboard.told(hook, rest)] == ids[2:]


def test_without_a_sender_messages_wait(core, switchboard):
    hook = switchboard.hook()
    switchboard.card()
    core.env.webhook_sender = None
    assert core.webhook_worker.run_due() == 0
    assert switchboard.told(hook)[0]["status"] == "pending"


class Died(BaseException):
    """The process has ended."""


def test_whoever_dies_between_sending_and_noting_leaves_the_message_to_be_sent_again(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    deliver = switchboard.world.core.env.webhook_sender

    def dies(request):
        deliver(request)
        raise Died

    switchboard.world.core.env.webhook_sender = dies
    with pytest.raises(Died):
        switchboard.worker.run_due()
    assert switchboard.told(hook)[0]["status"] == "pending"
    switchboard.world.core.env.webhook_sender = deliver
    assert switchboard.send() == []
    switchboard.clock.advance(timedelta(seconds=61))
    assert len(switchboard.send()) == 1
    assert len({(each.headers["webhook-id"], each.body) for each in switchboard.requests}) == 1
    assert [each["statusCode"] for each in switchboard.told(hook)[0]["attempts"]] == [200]


def test_a_sender_that_fails_is_asked_again(switchboard):
    hook = switchboard.hook()
    switchboard.card()
    deliver = switchboard.world.core.env.webhook_sender

    def fails(request):
        raise RuntimeError("no more threads")

    switchboard.world.core.env.webhook_sender = fails
    assert switchboard.send() == []
    switchboard.world.core.env.webhook_sender = deliver
    switchboard.clock.advance(timedelta(seconds=10))
    assert len(switchboard.send()) == 1
    assert switchboard.told(hook)[0]["status"] == "succeeded"


def test_two_who_send_at_once_send_each_message_once(switchboard):
    switchboard.hook()
    for place in range(8):
        switchboard.card(str(place))
    at_once(*[switchboard.worker.run_due] * 4)
    assert Counter(Counter(each.headers["webhook-id"] for each in switchboard.requests).values()) == {1: 8}
