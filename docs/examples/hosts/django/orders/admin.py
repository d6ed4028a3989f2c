"""The admin of orders. The boards have pages as well, which ``stellary.contrib.django`` adds."""

from __future__ import annotations

from django.contrib import admin

from orders.models import Order, User


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """The pages of orders, each with a link to its card."""

    list_display = ("product", "customer", "card")
    list_select_related = ("customer", "card")
    raw_id_fields = ("card",)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """The pages of users."""

    list_display = ("email", "is_staff", "is_active")
    fields = ("email", "first_name", "last_name", "is_staff", "is_active")
