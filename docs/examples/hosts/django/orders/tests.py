"""The tests of the shop: ``python manage.py test``."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from django.test import TestCase, TransactionTestCase

from orders.models import Order, User
from stellary import Stellary
from stellary.contract.errors import Forbidden
from stellary.contrib.django import client, get_actor, get_core
from stellary.contrib.django.models import Card, Organization

PROJECTS = "/board/orgs/shop/workspaces/orders/projects"


def create_user(email: str = "ann@example.com", **fields: Any) -> User:
    """Create a user who may create projects."""
    return User.objects.create_user(email, is_staff=True, **fields)


def read_json(response: Any) -> Any:
    """Return the body of a response of the API, which may be streamed."""
    return json.loads(response.getvalue())


# --8<-- [start:test]
class OrderTest(TestCase):
    """Orders in the transaction of a test, which is rolled back."""

    def setUp(self) -> None:
        self.client.force_login(create_user())

    def test_order_and_card_are_created_together(self) -> None:
        response = self.client.post("/orders/", {"product": "kite"})
        assert response.status_code == 201
        assert Order.objects.get().card.title == "Deliver kite"
        (project,) = read_json(self.client.get(PROJECTS))
        (card,) = read_json(self.client.get(f"{PROJECTS}/{project['id']}/cards"))
        assert card["id"] == response.json()["card"]

    # --8<-- [end:test]

    def test_card_of_an_order_is_in_use(self) -> None:
        self.client.post("/orders/", {"product": "kite"})
        project = f"{PROJECTS}/{read_json(self.client.get(PROJECTS))[0]['id']}"
        response = self.client.delete(f"{project}/cards/{Order.objects.get().card.pk}")
        assert (response.status_code, read_json(response)["code"]) == (409, "in_use")
        assert Card.objects.exists()

    def test_order_that_fails_leaves_no_card(self) -> None:
        with patch.object(Order.objects, "create", side_effect=OSError), self.assertRaises(OSError):
            self.client.post("/orders/", {"product": "kite"})
        assert not Card.objects.exists()

    def test_order_that_is_not_valid_is_refused(self) -> None:
        for fields in ({}, {"product": "x" * 101}):
            assert self.client.post("/orders/", fields).status_code == 400
        assert not Card.objects.exists()

    def test_deliveries_are_in_their_project_beside_others(self) -> None:
        created = self.client.post(PROJECTS, '{"name": "A plan", "key": "AAA"}', "application/json")
        assert created.status_code == 201
        for product in ("kite", "ball"):
            self.client.post("/orders/", {"product": product})
        assert {card.project.key for card in Card.objects.all()} == {"DEL"}

    def test_card_of_an_order_cannot_be_deleted(self) -> None:
        with client(User.objects.get()) as stellary:
            project = stellary.workspace("shop", "orders").projects.create(name="Deliveries")
            board = stellary.workspace("shop", "orders").project(project)
            card = board.column(board.columns.list()[0]).cards.create(title="Now", priority="high")
        response = self.client.delete(f"{PROJECTS}/{project.id}/cards/{card.id}")
        assert (response.status_code, read_json(response)["message"]) == (
            409,
            "a delivery of high priority must not be deleted",
        )

    def test_page_of_another_site_changes_nothing(self) -> None:
        response = self.client.post(
            PROJECTS, '{"name": "Evil"}', "application/json", headers={"Origin": "https://evil.example"}
        )
        assert (response.status_code, read_json(response)["code"]) == (403, "cross_site")
        assert self.client.post(PROJECTS, '{"name": "Good"}', "application/json").status_code == 201

    def test_hidden_operation_is_not_found(self) -> None:
        response = self.client.post("/board/auth/login", "{}", "application/json")
        assert (response.status_code, read_json(response)["code"]) == (404, "unknown_path")

    def test_anonymous_user_is_rejected(self) -> None:
        self.client.logout()
        assert self.client.get(PROJECTS).status_code == 401

    def test_event_stream_needs_a_committed_transaction(self) -> None:
        self.client.get(PROJECTS)
        assert self.client.get("/board/orgs/shop/workspaces/orders/events").status_code == 503

    def test_documentation_is_served(self) -> None:
        assert b"/board/openapi.json" in self.client.get("/board/docs").getvalue()

    def test_admin_shows_cards_and_changes_none(self) -> None:
        User.objects.update(is_superuser=True)
        self.client.post("/orders/", {"product": "kite"})
        assert "Deliver kite" in self.client.get("/admin/stellary/card/").content.decode()
        card = Card.objects.get()
        assert self.client.get(f"/admin/stellary/card/{card.pk}/change/").status_code == 200
        assert self.client.post(f"/admin/stellary/card/{card.pk}/delete/", {"post": "yes"}).status_code == 403
        for model in ("organization", "workspace", "project", "activity"):
            assert self.client.get(f"/admin/stellary/{model}/").status_code == 200
        assert "kite" in self.client.get("/admin/orders/order/").content.decode()


class AsyncTest(TestCase):
    """Asynchronous views and the API over ASGI, in the transaction of a test."""

    async_client: Any  # the types of Django lack it

    async def test_async_view_sees_the_rows_of_the_test(self) -> None:
        user = await User.objects.acreate(email="ann@example.com", is_staff=True)
        await self.async_client.aforce_login(user)
        assert (await self.async_client.post("/orders/", {"product": "kite"})).status_code == 201
        assert (await self.async_client.get("/titles/")).json() == {"titles": ["Deliver kite"]}
        response = await self.async_client.get(PROJECTS)
        assert [project["name"] for project in json.loads(response.content)] == ["Deliveries"]


class CommittedTest(TransactionTestCase):
    """The API with transactions of its own. The rows are deleted after each test."""

    async_client: Any  # the types of Django lack it

    def setUp(self) -> None:
        assert not Organization.objects.exists()
        self.user = create_user()
        self.client.force_login(self.user)
        self.client.post("/orders/", {"product": "kite"})
        self.project = f"{PROJECTS}/{read_json(self.client.get(PROJECTS))[0]['id']}"

    def test_stream_has_the_events_of_orders(self) -> None:
        response: Any = self.client.get("/board/orgs/shop/workspaces/orders/events?lastEventId=0")
        blocks = iter(response.streaming_content)
        assert next(blocks) == b"retry: 1000\n\n"
        assert b"Deliver kite" in next(blocks)
        response.close()

    def test_card_of_an_order_is_in_use(self) -> None:
        response = self.client.delete(f"{self.project}/cards/{Order.objects.get().card.pk}")
        assert (response.status_code, read_json(response)["code"]) == (409, "in_use")
        assert Card.objects.exists()

    def test_deactivated_user_loses_access(self) -> None:
        core = get_core()
        stellary = Stellary.embedded(core.port(get_actor(self.user)))
        assert stellary.workspace("shop", "orders").projects.list()
        self.user.is_active = False
        self.user.save()
        assert self.client.get(PROJECTS).status_code == 401
        with self.assertRaises(Forbidden):
            list(stellary.workspace("shop", "orders").projects.list())

    async def test_stream_over_asgi(self) -> None:
        await self.async_client.aforce_login(self.user)
        response = await self.async_client.get("/board/orgs/shop/workspaces/orders/events?lastEventId=0")
        blocks = aiter(response.streaming_content)
        assert await anext(blocks) == b"retry: 1000\n\n"
        assert b"Deliver kite" in await anext(blocks)
        await blocks.aclose()
        created = await self.async_client.post(PROJECTS, '{"name": "Async"}', "application/json")
        assert created.status_code == 201
