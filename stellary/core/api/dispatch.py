"""The registry of services and access checks, and the entry point of every request.

The server, the embedded client and MCP all go through here, and so share the router, the checks and the errors.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import attrs

from stellary.contract.endpoint import Policy
from stellary.contract.errors import ApiError, Unavailable
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import Match, Router
from stellary.contract.wire import Request
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import deleted_containers
from stellary.core.agents import access as agents_access
from stellary.core.agents import actions as agents_actions
from stellary.core.api import service_modules
from stellary.core.api.calls import ServiceCall
from stellary.core.api.uploads import Upload
from stellary.core.automations import access as automations_access
from stellary.core.board import access as board_access
from stellary.core.board import actions as board_actions
from stellary.core.board import multipart_imports
from stellary.core.db.errors import convert_unexpected_error, error_response
from stellary.core.insights import actions as insights_actions
from stellary.core.kernel import actions
from stellary.core.kernel.unit import Actor, Service, UnitOfWork, is_service, service_of
from stellary.core.kernel.units import Units
from stellary.core.knowledge import access as knowledge_access
from stellary.core.knowledge import actions as knowledge_actions
from stellary.core.notifications import access as notifications_access
from stellary.core.pilotage import access as pilotage_access
from stellary.core.pilotage import actions as pilotage_actions
from stellary.core.search import actions as search_actions
from stellary.core.streaming.streams import Record, StreamReader, StreamResponse
from stellary.core.trash import access as trash_access
from stellary.core.webhooks import access as webhooks_access
from stellary.core.wizard import access as wizard_access


def _find_services(modules: Iterable[ModuleType]) -> Iterator[tuple[str, Service]]:
    """Yield the services that modules define, with their operations.

    Raises:
        TypeError: A module defines none.
    """
    for module in modules:
        members = [member for member in vars(module).values() if isinstance(member, FunctionType)]
        services = [
            member for member in members if is_service(member) and member.__module__ == module.__name__
        ]
        if not services:
            raise TypeError(f"{module.__name__} defines no service")
        for service in map(service_of, services):
            yield service.endpoint.operation, service


_SERVICES = list(
    _find_services(module for module in vars(service_modules).values() if isinstance(module, ModuleType))
)
SERVICES: Mapping[str, Service] = dict(_SERVICES)
"""Every service of ``service_modules``, by its operation."""
if len(SERVICES) < len(_SERVICES):
    raise TypeError("two functions serve the same endpoint")


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    **accounts_access.ACCESS_BY_REF,
    **deleted_containers.ACCESS_BY_REF,
    **board_access.ACCESS_BY_REF,
    **multipart_imports.ACCESS_BY_REF,
    **knowledge_access.ACCESS_BY_REF,
    **trash_access.ACCESS_BY_REF,
    **automations_access.ACCESS_BY_REF,
    **wizard_access.ACCESS_BY_REF,
    **webhooks_access.ACCESS_BY_REF,
    **agents_access.ACCESS_BY_REF,
    **notifications_access.ACCESS_BY_REF,
    **pilotage_access.ACCESS_BY_REF,
}
"""The access check for each kind of ref. If a body is invalid, only this check runs, since 404 and 403 precede 400."""

ACTIONS = actions.build_table(
    board_actions.ACTIONS,
    knowledge_actions.ACTIONS,
    search_actions.ACTIONS,
    pilotage_actions.ACTIONS,
    insights_actions.ACTIONS,
    agents_actions.ACTIONS,
)
"""Every action by its name, from all areas."""

ROUTER = Router(service.endpoint for service in SERVICES.values())


@attrs.frozen
class ServiceResponse(RawResponse):
    """A response, with details that are not sent to the caller.

    Attributes:
        actor: The caller, for the log; None if not authenticated.
        record: The record to stream, if the response is a stream; the body is its first block.
        cancel: Takes back the work that the request has begun and that a job finishes; None for other responses.
    """

    actor: Actor | None = attrs.field(default=None, eq=False, repr=False)
    record: Record[object] | None = attrs.field(default=None, eq=False, repr=False)
    cancel: Callable[[], None] | None = attrs.field(default=None, eq=False, repr=False)


def answer(
    units: Units,
    request: RawRequest,
    actor: Actor | None = None,
    match: Match | None = None,
    upload: Upload | None = None,
    payload: Request | ApiError | None = None,
) -> ServiceResponse:
    """Return the response to a request. Every error becomes a response; nothing is raised.

    Args:
        units: Opens the units of work.
        request: The request, with lower-case header names. Its ``x-request-id`` is used, or else generated.
        actor: The caller; None takes the caller from the bearer token in ``authorization``.
        match: The result of ``ROUTER.match``, if it has been called already.
        upload: The file of an upload whose body has been read already.
        payload: The result of ``read_payload``, if it has been called already.
    """
    return run_call(
        request, actor, lambda: _call(units, request, actor, match, upload, payload), ServiceCall.respond
    )


def read_payload(units: Units, request: RawRequest, match: Match, values_max: int) -> Request | ApiError:
    """Parse and validate the body of a request outside of any transaction, for ``answer``. See ``ServiceCall.parse_request``.

    Args:
        units: Opens the units of work.
        request: The request with its body.
        match: The endpoint of the request.
        values_max: The maximum number of JSON values in the body.
    """
    return _call(units, request, None, match).parse_request(values_max)


def find_refusal(
    units: Units, request: RawRequest, match: Match | None = None, actor: Actor | None = None
) -> ServiceResponse | None:
    """Return the error response that a request gets whatever its body, or None if the caller may make it.

    It lets a server refuse a caller before a large body is sent.

    Args:
        units: Opens the units of work.
        request: The request, without its body.
        match: The result of ``ROUTER.match``, if it has been called already.
        actor: The caller; None takes the caller from the bearer token.
    """
    response = run_call(request, actor, lambda: _call(units, request, actor, match), ServiceCall.authorize)
    return response if response.status >= 400 else None


def respond_in_blocks(units: Units, request: RawRequest, actor: Actor | None) -> RawResponse:
    """Return the response to a request. The blocks of a stream arrive as events happen.

    Args:
        units: Opens the units of work.
        request: The request, with lower-case header names.
        actor: The caller; None takes the caller from the bearer token.
    """
    response = answer(units, request, actor)
    if response.record is None:
        return read_body(response)
    record = response.record
    may_read = partial(may_read_on, units, request, actor, policies=record.policies, sight=record.sight)
    blocks = StreamReader(units, record, may_read)
    return RawResponse(response.status, response.headers, blocks=blocks)


def may_read_on(
    units: Units,
    request: RawRequest,
    actor: Actor | None,
    *,
    policies: Iterable[Policy],
    sight: object = None,
) -> bool:
    """Return whether the reader of a stream still has access.

    Args:
        units: Opens the units of work.
        request: The request that opened the stream.
        actor: The caller; None takes the caller from the bearer token.
        policies: The policies of the record, which the caller has to fulfil beside that of the endpoint.
        sight: The projects that the caller saw when the stream began; None if it shows none.

    Raises:
        Unavailable: The check has failed, so the answer is unknown.
    """
    authorize = partial(ServiceCall.authorize, policies=policies, sight=sight)
    response = run_call(request, actor, lambda: _call(units, request, actor, None), authorize)
    if response.status >= 500:
        raise Unavailable("access cannot be checked at the moment; try again")
    return response.status < 400


def respond(units: Units, request: RawRequest, actor: Actor | None) -> RawResponse:
    """Return the response to a request, with its whole body in memory.

    Args:
        units: Opens the units of work.
        request: The request, with lower-case header names.
        actor: The caller; None takes the caller from the bearer token.
    """
    return read_body(answer(units, request, actor))


def read_body(response: RawResponse) -> RawResponse:
    """Return a response with its whole body in memory."""
    if response.blocks is None:
        return response
    try:
        return attrs.evolve(response, body=b"".join(response.blocks), blocks=None)
    except ApiError as error:
        return error_response(error, response.headers["x-request-id"])


def _call(
    units: Units,
    request: RawRequest,
    actor: Actor | None,
    match: Match | None,
    upload: Upload | None = None,
    payload: Request | ApiError | None = None,
) -> ServiceCall:
    match = match or ROUTER.match(request.method, request.path)
    service = SERVICES[match.endpoint.operation]
    return ServiceCall(
        units, request, actor, match, service, ACCESS_BY_REF.get(type(match.ref)), upload, payload
    )


def run_call(
    request: RawRequest,
    actor: Actor | None,
    create: Callable[[], ServiceCall],
    run: Callable[[ServiceCall], RawResponse],
) -> ServiceResponse:
    """Create a call, run it, and return its response. An exception becomes an error response.

    Args:
        request: The request.
        actor: The caller, if known already.
        create: Creates the call.
        run: Runs it: ``ServiceCall.respond`` or ``ServiceCall.authorize``.
    """
    request_id = request.headers.get("x-request-id") or f"req_{secrets.token_hex(8)}"
    call: ServiceCall | None = None
    try:
        call = create()
        response = run(call)
    except ApiError as error:
        response = error_response(error, request_id)
        # The error and its frames refer to each other and to the body; this frees them without the garbage collector.
        error.__traceback__ = None
    except Exception as error:  # noqa: BLE001 - the outermost handler: it responds and logs the traceback
        response = error_response(convert_unexpected_error(error, request_id), request_id)
    headers = {**response.headers, "x-request-id": request_id}
    caller = call.caller if call else actor
    record = response.record if isinstance(response, StreamResponse) else None
    cancel = call.cancel_work if call is not None and call.cancel is not None else None
    return ServiceResponse(response.status, headers, response.body, response.blocks, caller, record, cancel)
