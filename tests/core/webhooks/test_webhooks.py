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
from tests.support.boards import ask, error, status
from tests.support.core_parts import HANDLERS, BatchSize, JobRunner, cards, paging
from tests.support.each_case import for_each
from tests.support.statements import count_statements
from tests.support.tables import count_rows, webhooks
from tests.support.tables import webhook_deliveries as deliveries
from tests.support.world import at_once


def test_secret_of_a_webhook_is_shown_once(board):
    hook = board.hook("card_moved", "card_moved")
    assert hook.pop("secret").startswith("whsec_")
    assert (hook["url"], hook["events"], hook["active"]) == (URL, ["card_moved"], True)
    assert ask(board, "GET", f"{board.flat}/webhooks") == [hook]


def test_update_with_the_same_values_in_the_same_moment_changes_nothing(board):
    hook = board.hook("card_moved")
    same = ask(board, "PATCH", board.of_hook(hook), {"active": True})
    assert same == {name: value for name, value in hook.items() if name != "secret"}


def test_webhook_that_is_deleted_during_its_update_is_not_found(board, monkeypatch):
    hook, load = board.hook(), access.webhook

    def load_before_deletion(uow, ref):
        loaded = load(uow, ref)
        uow.connection.execute(delete(webhooks).where(webhooks.c.id == hook["id"]))
        return loaded

    monkeypatch.setattr(access, "webhook", load_before_deletion)
    assert status(board, "PATCH", board.of_hook(hook), {"active": False}) == 404


@for_each(
    "url, message",
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
def test_webhook_needs_a_public_url(board, url, message):
    assert error(board, "POST", f"{board.flat}/webhooks", {"url": url}) == (400, message)
    assert error(board, "PATCH", board.of_hook(board.hook()), {"url": url}) == (400, message)


def test_private_address_is_accepted_if_allowed(board):
    board.world.core.env.private_webhooks = True
    hook, change = board.hook(url="http://127.0.0.1:8080/"), {"url": "http://localhost/", "active": False}
    assert ask(board, "PATCH", board.of_hook(hook), change)["url"] == "http://localhost/"


def test_message_is_sent_to_an_allowed_port_only(board):
    env = board.world.core.env
    env.webhook_ports = {8443}
    urls = ["http://example.com:443/", "https://example.com:80/", "https://example.com:8443/"]
    hooks = [board.hook(url=url) for url in urls]
    # The operator has changed the setting since.
    env.webhook_ports = ()
    board.card("Write")
    board.send()
    assert {request.url for request in board.requests} == set(urls[:2])
    (delivery,) = board.deliveries(hooks[2])
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "its port is not allowed")


def test_workspace_has_at_most_twenty_webhooks(board):
    for _ in range(WEBHOOKS_MAX - 2):
        board.hook()
    path = f"{board.flat}/webhooks"

    def make():
        return status(board, "POST", path, {"url": URL})

    assert Counter(at_once(*[make] * 4)) == {201: 2, 409: 2}
    assert error(board, "POST", path, {"url": URL}) == (409, "a workspace has at most 20 webhooks")


def test_activity_is_sent_once_and_signed(board):
    hook = board.hook()
    card = board.card("Write")
    (message,) = board.send()
    (request,) = board.requests
    id, read = verify(request.headers, request.body, hook["secret"], now=board.clock.now)
    assert message["type"] == "card_created"
    assert message["data"]["cardId"] == card["id"]
    assert message["data"]["actorName"] == "ann"
    assert read.type == "card_created"
    assert "Write" in read.data.meta.values()
    (delivery,) = board.deliveries(hook)
    assert delivery == delivery | {"id": id, "status": "succeeded", "payload": request.body.decode()}
    expected = [{"at": delivery["createdAt"], "statusCode": 200, "error": None, "durationMs": 5}]
    assert delivery["attempts"] == expected
    assert board.send() == []
    assert board.world.core.work.jobs() == []


def test_webhook_receives_its_events_only(board):
    board.hook(active=False)
    moved, all_of_it = board.hook("card_moved"), board.hook()
    ask(board, "PATCH", board.of(board.card()), {"columnId": board.columns[1]["id"]})
    board.send()
    assert [delivery["event"] for delivery in board.deliveries(moved)] == ["card_moved"]
    assert [delivery["event"] for delivery in board.deliveries(all_of_it)] == ["card_moved", "card_created"]


def test_rolled_back_change_sends_no_message(board):
    hook = board.hook()
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    ref = board.workspace.ref.child(ColumnRef, board.project["id"], board.columns[0]["id"])
    with suppress(LookupError), board.world.core.begin(board.owner.actor) as uow:
        cards.create_card(uow, ref, CreateCard(title="Never"))
        raise LookupError
    assert status(board, "POST", path, {"title": ""}) == 400
    assert (board.deliveries(hook), board.send()) == ([], [])


def test_webhook_receives_no_activity_of_other_workspaces(board):
    hook = board.hook()
    type(board)(board.world, board.world.person("bob")).card()
    assert board.deliveries(hook) == []


def test_bulk_change_writes_its_messages_with_few_statements(board, monkeypatch):
    monkeypatch.setattr(outbox.LIMIT, "every", 2**96)
    hook = board.hook("card_created")

    assert count_statements(board.cards, 3) == count_statements(board.cards, 40)
    assert len(board.send()) == len(board.deliveries(hook)) == 43


def test_workspace_without_webhooks_costs_no_statement(board, statements):
    def count_statements():
        with statements() as sent_statements:
            board.card()
        return sum("stellary_webhooks" in statement for statement in sent_statements)

    assert count_statements() == 0
    board.hook("card_moved")
    assert count_statements() == 1


@pytest.mark.parametrize(
    "result",
    [DeliveryResult(None, "the connection failed"), *map(DeliveryResult, (408, 429, 500, 503))],
)
def test_temporary_failure_is_retried_with_the_same_message(board, result):
    hook = board.hook()
    board.card()
    board.answers = [result, result]
    for pause in (0, 5, 30):
        board.clock.advance(timedelta(seconds=pause))
        assert len(board.send()) == 1
        assert board.send() == []
    assert len({(request.headers["webhook-id"], request.body) for request in board.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in board.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 5, 35]
    (delivery,) = board.deliveries(hook)
    assert delivery["status"] == "succeeded"
    assert [attempt["statusCode"] for attempt in delivery["attempts"]] == [result.status, result.status, 200]
    verify(board.requests[-1].headers, board.requests[-1].body, hook["secret"], now=board.clock.now)


@pytest.mark.parametrize(
    "result",
    [DeliveryResult(None, "refused", final=True), *map(DeliveryResult, (301, 400, 410))],
)
def test_permanent_failure_is_not_retried(board, result):
    hook = board.hook()
    board.card()
    board.answers = [result]
    board.send()
    (delivery,) = board.deliveries(hook, "status=failed")
    assert (len(delivery["attempts"]), delivery["nextAttemptAt"]) == (1, None)
    assert board.deliveries(hook, "status=pending") == []


def test_message_is_given_up_after_a_day(board):
    hook = board.hook()
    board.card()
    began = board.clock.now
    board.answers = [DeliveryResult(500)] * 50
    while (delivery := board.deliveries(hook)[0])["status"] == "pending":
        board.clock.now = max(board.clock.now, _moment(delivery["nextAttemptAt"]))
        assert len(board.send()) == 1
    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 11)
    assert timedelta(hours=24) < board.clock.now - began < timedelta(hours=30)
    assert board.world.core.work.jobs() == []


def _moment(text):
    return datetime.fromisoformat(text)


def test_retry_after_is_respected(board):
    hook = board.hook()
    board.card()
    board.answers = [DeliveryResult(429, retry_after=120.0)]
    board.send()
    (delivery,) = board.deliveries(hook)
    assert _moment(delivery["nextAttemptAt"]) - board.clock.now == timedelta(seconds=120)


def test_a_message_is_sent_again_with_the_same_id(board):
    hook = board.hook()
    board.card()
    board.answers = [DeliveryResult(410)]
    board.send()
    (delivery,) = board.deliveries(hook)
    path = f"{board.of_hook(hook)}/deliveries/{delivery['id']}/redeliver"
    again = ask(board, "POST", path)
    assert (again["status"], again["id"]) == ("pending", delivery["id"])
    assert error(board, "POST", path) == (409, "the message is being delivered already")
    board.send()
    assert len({request.headers["webhook-id"] for request in board.requests}) == 1
    (delivery,) = board.deliveries(hook)
    assert delivery["status"] == "succeeded"
    assert [attempt["statusCode"] for attempt in delivery["attempts"]] == [410, 200]


def test_body_of_a_delivered_message_is_deleted_after_a_day(board):
    hook = board.hook()
    board.card()
    board.answers = [DeliveryResult(410)]
    board.send()
    board.card()
    board.send()
    core, (delivered, failed) = board.world.core, board.deliveries(hook)
    for hours, payload in ((23, delivered["payload"]), (2, None)):
        board.clock.now += timedelta(hours=hours)
        assert core.delete_expired()["stellary_webhook_deliveries"] == 0
        assert [row["payload"] for row in board.deliveries(hook)] == [payload, failed["payload"]]
    path = f"{board.of_hook(hook)}/deliveries/"
    expected = (409, "the message was delivered more than a day ago, and its body was deleted")
    assert error(board, "POST", f"{path}{delivered['id']}/redeliver") == expected
    assert ask(board, "POST", f"{path}{failed['id']}/redeliver")["payload"]


def test_concurrent_redeliveries_succeed_once(board):
    hook = board.hook()
    board.card()
    board.send()
    path = f"{board.of_hook(hook)}/deliveries/{board.deliveries(hook)[0]['id']}/redeliver"
    assert Counter(at_once(*[lambda: status(board, "POST", path)] * 3)) == {200: 1, 409: 2}
    assert len(board.send()) == 1


def test_disabled_webhook_gives_up_pending_messages(board):
    hook = board.hook()
    board.card()
    ask(board, "PATCH", board.of_hook(hook), {"active": False})
    assert board.send() == []
    (delivery,) = board.deliveries(hook)
    assert (delivery["status"], delivery["attempts"][0]["error"]) == ("failed", "the webhook is disabled")


@pytest.mark.parametrize("deleted", ["webhook", "workspace"])
def test_deletion_removes_pending_messages(board, deleted):
    hook = board.hook()
    board.card()
    paths = {"webhook": board.of_hook(hook), "workspace": board.flat}
    if deleted == "webhook":
        ask(board, "DELETE", paths[deleted])
    else:
        board.world.delete_for_good(board.owner, paths[deleted])
    assert board.send() == []
    assert count_rows(board.world.core, deliveries) == 0
    assert board.world.core.work.jobs() == []


def test_deletion_during_a_delivery_leaves_no_job(board):
    hook = board.hook()
    board.card()

    def delete_webhook(request):
        ask(board, "DELETE", board.of_hook(hook))
        return DeliveryResult(500)

    board.world.core.env.webhook_sender = delete_webhook
    board.worker.run_due()
    assert board.world.core.work.jobs() == []


def test_latest_and_pending_deliveries_are_kept(board, monkeypatch):
    monkeypatch.setattr(outbox.LIMIT, "rows_max", 2)
    hook = board.hook("card_created")
    for number in range(3):
        board.card(str(number))
    board.send()
    with board.world.core.begin(board.owner.actor) as uow:
        outbox.LIMIT.delete_oldest(uow, hook["id"])
    assert len(board.deliveries(hook)) == 2
    for number in range(3):
        board.card(str(number))
    with board.world.core.begin(board.owner.actor) as uow:
        outbox.LIMIT.delete_oldest(uow, hook["id"])
    assert [delivery["status"] for delivery in board.deliveries(hook)] == ["pending"] * 3


def test_without_a_sender_messages_wait(core, board):
    hook = board.hook()
    board.card()
    core.env.webhook_sender = None
    assert core.webhook_worker.run_due() == 0
    assert board.deliveries(hook)[0]["status"] == "pending"


class Died(BaseException):
    """An exception that simulates the end of the process."""


def test_message_is_sent_again_after_a_crash_before_recording(board):
    hook = board.hook()
    board.card()
    deliver = board.world.core.env.webhook_sender

    def dies(request):
        deliver(request)
        raise Died

    board.world.core.env.webhook_sender = dies
    with pytest.raises(Died):
        board.worker.run_due()
    assert board.deliveries(hook)[0]["status"] == "pending"
    board.world.core.env.webhook_sender = deliver
    assert board.send() == []
    board.clock.advance(timedelta(seconds=61))
    assert len(board.send()) == 1
    assert len({(request.headers["webhook-id"], request.body) for request in board.requests}) == 1
    assert [attempt["statusCode"] for attempt in board.deliveries(hook)[0]["attempts"]] == [200]


def test_a_sender_that_fails_is_asked_again(board):
    hook = board.hook()
    board.card()
    deliver = board.world.core.env.webhook_sender

    def fails(request):
        raise RuntimeError("no more threads")

    board.world.core.env.webhook_sender = fails
    assert board.send() == []
    board.world.core.env.webhook_sender = deliver
    board.clock.advance(timedelta(seconds=10))
    assert len(board.send()) == 1
    assert board.deliveries(hook)[0]["status"] == "succeeded"


def test_pages_by_status_look_through_a_bounded_number_of_messages(board, monkeypatch):
    hook = board.hook("card_created")
    for _ in range(10):
        board.card()
    ids = [delivery["id"] for delivery in board.deliveries(hook)]
    assert len(ids) == 10
    with board.world.core.begin(NOBODY) as uow:
        uow.connection.execute(update(deliveries).where(deliveries.c.id == ids[5]).values(status="failed"))
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    pages = board.walk(f"{board.of_hook(hook)}/deliveries?status=failed&limit=3")
    assert [[delivery["id"] for delivery in page] for page in pages] == [[], [ids[5]], []]


def list_texts(board, hook):
    """Return the data of the messages of a webhook, newest first."""
    return [orjson.loads(delivery["payload"])["data"] for delivery in board.deliveries(hook)]


def test_messages_contain_comments_until_they_are_deleted(board):
    """Check a message that was sent, one that waits, and the one about the deletion."""
    hook, card = board.hook("comment_added", "comment_deleted"), board.card()
    comment = board.comment(card, "A secret.")
    (message,) = board.send()
    assert message["data"]["comment"] == comment
    board.comment(card, "Remaining.")
    board.answers = [DeliveryResult(500)] * 2
    board.send()
    ask(board, "DELETE", f"{board.of(card)}/comments/{comment['id']}")
    board.world.core.work.run_due()
    assert "A secret." not in str(list_texts(board, hook))
    comments = [data["comment"] for data in list_texts(board, hook)]
    assert [comment and comment["content"] for comment in comments] == [None, "Remaining.", None]


def test_deleted_comments_are_erased_together(board, core):
    """One job reads the messages for all of them, but not for those of another workspace."""
    apis = [board, WebhookApi(board.world, board.world.person("eve"))]
    hooks = [api.hook() for api in apis]
    for api in apis:
        card = api.card()
        for comment in [api.comment(card, "A secret.") for _ in range(3)]:
            ask(api, "DELETE", f"{api.of(card)}/comments/{comment['id']}")
    handlers = {"webhooks.erase": HANDLERS["webhooks.erase"]}
    assert JobRunner(core.units, core.claims, handlers).run_due() == len(apis)
    for api, hook in zip(apis, hooks, strict=True):
        assert "A secret." not in str(list_texts(api, hook))


def test_purged_items_vanish_from_stored_messages(board):
    hook = board.hook()
    card, other = board.card("Hidden title", description="Hidden text"), board.card("Other title")
    board.comment(card, "Hidden comment")
    ask(board, "POST", f"{board.of(other)}/relations", {"targetCardId": card["id"], "type": "blocks"})
    document = ask(board, "POST", f"{board.flat}/documents", {"title": "Hidden document"})
    ask(board, "POST", f"{board.flat}/documents/{document['id']}/comments", {"content": "Hidden word"})
    assert str(list_texts(board, hook)).count("Hidden") > 10
    for path in (board.of(card), f"{board.flat}/documents/{document['id']}"):
        ask(board, "DELETE", path)
    for entry in ask(board, "GET", f"{board.flat}/trash"):
        ask(board, "DELETE", f"{board.flat}/trash/{entry['id']}")
    board.world.core.work.run_due()
    texts = str(list_texts(board, hook))
    assert ("Hidden" in texts, "Other title" in texts) == (False, True)


def test_purged_project_vanishes_from_stored_messages(board):
    """Its name is also in a message about a member. A card that has left it stays."""
    hook, member = board.hook(), board.world.person("bob")
    board.join(member)
    project = ask(board, "POST", f"{board.flat}/projects", {"name": "Hidden project"})
    path = f"{board.flat}/projects/{project['id']}"
    column = ask(board, "POST", f"{path}/columns", {"name": "Later"})
    ask(board, "POST", f"{path}/members", {"email": member.email})
    card = ask(board, "POST", f"{path}/columns/{column['id']}/cards", {"title": "Moved card"})
    ask(board, "POST", f"{path}/cards/{card['id']}/transfer", {"columnId": board.columns[0]["id"]})
    ask(board, "DELETE", path)
    (entry,) = ask(board, "GET", f"{board.flat}/trash")
    ask(board, "DELETE", f"{board.flat}/trash/{entry['id']}")
    board.world.core.work.run_due()
    texts = str(list_texts(board, hook))
    assert ("Hidden" in texts, "Moved card" in texts) == (False, True)


def test_purge_in_many_batches_reads_the_stored_messages_once(board, monkeypatch, core):
    monkeypatch.setattr(BatchSize, "MAX", 25)
    hook = board.hook()
    board.cards(70, title="Hidden card")
    ask(board, "DELETE", board.path)
    (entry,) = ask(board, "GET", f"{board.flat}/trash")
    ask(board, "DELETE", f"{board.flat}/trash/{entry['id']}")
    handlers = {kind: handler for kind, handler in HANDLERS.items() if kind != "webhooks.erase"}
    JobRunner(core.units, core.claims, handlers).run_due()
    assert [job.kind for job in core.work.jobs()].count("webhooks.erase") == 1
    core.work.run_due()
    assert "Hidden" not in str(list_texts(board, hook))
