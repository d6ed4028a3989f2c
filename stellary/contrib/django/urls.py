"""The URLs of the API: ``path("stellary/", include("stellary.contrib.django.urls"))``."""

from __future__ import annotations

from django.urls.resolvers import RegexPattern

from stellary.contrib.django.views import ApiPattern, serve_wsgi

app_name = "stellary"
urlpatterns = [
    ApiPattern(RegexPattern(r"^(?P<tail>.*)$", name="api", is_endpoint=True), serve_wsgi, name="api")
]
