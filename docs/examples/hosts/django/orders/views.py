"""The views of the shop. ``ATOMIC_REQUESTS`` makes each request a transaction."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from orders.board import create_delivery
from orders.models import Order
from stellary.contrib.django import client


class OrderForm(ModelForm):
    """The form of a new order."""

    class Meta:
        model = Order
        fields = ("product",)


# --8<-- [start:place_order]
@require_POST
@login_required
def place_order(request: HttpRequest) -> JsonResponse:
    """Create an order and the card of its delivery: both, or neither if anything fails."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    product = form.cleaned_data["product"]
    with client(request.user) as stellary:
        card_id = create_delivery(stellary, product)
    order = Order.objects.create(clerk=request.user, product=product, card_id=card_id)
    return JsonResponse({"order": order.pk, "card": card_id}, status=201)


# --8<-- [end:place_order]


# --8<-- [start:async]
@require_GET
@transaction.non_atomic_requests
async def list_titles(request: HttpRequest) -> JsonResponse:
    """Return the titles of all cards. Units of work are synchronous, like Django's transactions."""
    return JsonResponse({"titles": await sync_to_async(read_titles)(request)})


def read_titles(request: HttpRequest) -> list[str]:
    """Return the titles of the cards that the user may see. If nobody is logged in, the response is a 401."""
    with client(request.user) as stellary:
        workspace = stellary.workspace("shop", "orders")
        return [
            card.title
            for project in workspace.projects.list()
            for card in workspace.project(project).cards.list()
        ]


# --8<-- [end:async]
