"""The URLs of the project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from orders import views

# --8<-- [start:urls]
urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders/", views.place_order),
    path("titles/", views.list_titles),
    path("board/", include("stellary.contrib.django.urls")),
]
# --8<-- [end:urls]
