"""The admin of orders and clerks. The boards have pages as well, which ``stellary.contrib.django`` adds."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from orders.models import Order, User


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """The pages of orders, each with a link to its card."""

    list_display = ("product", "clerk", "card")
    list_select_related = ("clerk", "card")
    raw_id_fields = ("card",)


@admin.register(User)
class ClerkAdmin(UserAdmin):
    """The pages of clerks, with those for their passwords."""

    list_display = ("email", "name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = ((None, {"fields": ("email", "name", "password", "is_staff", "is_active")}),)
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2", "is_staff")}),)
