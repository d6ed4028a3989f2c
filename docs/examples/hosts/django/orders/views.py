"""The views of the shop. ``ATOMIC_REQUESTS`` makes each request a transaction."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from orders.board import create_delivery
from orders.models import Order, User
from stellary.contrib.django import client


# --8<-- [start:place_order]
@require_POST
@login_required
def place_order(request: HttpRequest) -> JsonResponse:
    """Create an order and the card of its delivery: both, or neither if anything fails."""
    with client(request.user) as stellary:
        card_id = create_delivery(stellary, request.POST["product"])
    order = Order(customer=request.user, product=request.POST["product"], card_id=card_id)
    order.full_clean()
    order.save()
    return JsonResponse({"order": order.pk, "card": card_id}, status=201)


# --8<-- [end:place_order]


# --8<-- [start:async]
@require_GET
@transaction.non_atomic_requests
async def list_titles(request: HttpRequest) -> JsonResponse:
    """Return the titles of all cards. Units of work are synchronous, like Django's transactions."""
    user = await request.auser()
    return JsonResponse({"titles": await sync_to_async(read_titles)(user)})


def read_titles(user: User) -> list[str]:
    """Return the titles of the cards that a user may see."""
    with client(user) as stellary:
        projects = stellary.workspace("shop", "orders").projects
        return [
            card.title
            for project in projects.list()
            for card in stellary.workspace("shop", "orders").project(project).cards.list()
        ]


# --8<-- [end:async]
