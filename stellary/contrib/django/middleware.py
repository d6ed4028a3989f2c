"""The middleware that answers errors of the core in views of the host."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from stellary.contract.errors import ApiError
from stellary.contrib.django.requests import set_headers
from stellary.core.db.errors import error_response
from stellary.core.http.context import make_request_id


class ApiErrorMiddleware(MiddlewareMixin):
    """A middleware that turns an ``ApiError`` of a view into the response of the API, with its status."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the response for an error of the core; None for other exceptions."""
        if not isinstance(error, ApiError):
            return None
        raw = error_response(error, make_request_id(request.headers.get("X-Request-Id")))
        response = HttpResponse(raw.body, status=raw.status)
        set_headers(response, raw.headers.items())
        return response
