"""Requests to the API in the transaction in which ``django.test.TestCase`` runs a test."""

from __future__ import annotations

import functools

from django.core import mail
from django.db import connections
from django.http import HttpRequest, HttpResponse
from sqlalchemy import Connection

from stellary.contract.errors import ApiError, Unauthenticated, Unavailable
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.router import Router
from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import get_core, join_transaction
from stellary.contrib.django.requests import find_actor, read_headers, set_headers, split_path
from stellary.contrib.django.units import is_active
from stellary.core.api import dispatch
from stellary.core.api.authentication import parse_bearer
from stellary.core.db.errors import error_response
from stellary.core.http.api import select_endpoints
from stellary.core.http.context import build_headers, make_request_id
from stellary.core.http.cors import check_same_site


def is_test() -> bool:
    """Return whether Django's test environment is set up."""
    return hasattr(mail, "outbox")


def answer_in_test(request: HttpRequest, tail: str) -> HttpResponse | None:
    """Answer a request in the transaction of a test, which is rolled back after it, so that it sees what the test has created.

    There are no limits and no event streams in it.

    Args:
        request: The request.
        tail: The decoded path below the prefix of the API.

    Returns:
        The response; None outside of such a transaction, and for operations without a service, such as ``/docs``.
    """
    if not is_test() or not connections[load_configuration().database].in_atomic_block:
        return None
    _, path = split_path(request, tail)
    headers = read_headers(request)
    request_id = make_request_id(headers.get("x-request-id"))
    method = "GET" if request.method in ("HEAD", None) else request.method
    raw = RawRequest(
        method,
        path,
        request.META.get("QUERY_STRING", ""),
        {**headers, "x-request-id": request_id},
        request.body,
    )
    try:
        match = _build_router(tuple(load_configuration().hide)).match(method, path)
        if match.endpoint.operation not in dispatch.SERVICES:
            return None
        with join_transaction() as connection:
            answer = _answer(request, raw, connection)
    except ApiError as error:
        answer = error_response(error, request_id)
    response = HttpResponse(b"" if request.method == "HEAD" else answer.body, status=answer.status)
    set_headers(response, build_headers(answer, request_id).items())
    return response


@functools.lru_cache(maxsize=8)
def _build_router(hide: tuple[str, ...]) -> Router:
    return Router(select_endpoints(hide))


def _answer(request: HttpRequest, raw: RawRequest, connection: Connection) -> RawResponse:
    actor = find_actor(request, connection)
    if actor is None:
        external_id = get_core().find_external_id(parse_bearer(raw.headers.get("authorization")), connection)
        if external_id is not None and not is_active(external_id, connection):
            raise Unauthenticated("the user of this token is not active in the application")
    if actor is not None and raw.method != "GET":
        check_same_site(raw.headers)
    answer = dispatch.answer(get_core().units.join(connection), raw, actor)
    if answer.record is not None:
        raise Unavailable("a test in a transaction has no event streams: use TransactionTestCase")
    return dispatch.read_body(answer)
