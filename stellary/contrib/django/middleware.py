"""The middleware that answers errors of the core in views of the host."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from stellary.contract.errors import ApiError
from stellary.core.http.context import make_request_id


class ApiErrorMiddleware(MiddlewareMixin):
    """A middleware that turns an ``ApiError`` of a view into the response of the API, with its status."""

    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        """Return the response for an error of the core; None for other exceptions."""
        if not isinstance(error, ApiError):
            return None
        body = error.to_body(make_request_id(request.headers.get("X-Request-Id")))
        response = JsonResponse(body, status=error.status, headers=dict(error.headers))
        if error.retry_after is not None:
            response["Retry-After"] = str(max(1, round(error.retry_after)))
        return response
