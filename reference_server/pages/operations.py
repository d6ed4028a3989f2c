"""Pages as values: the operations of the API that give a page its data, and those that its forms call.

A page has no code of its own: its template shows what the operations return. Roles, private projects and scopes of tokens
therefore hold as in the API, and a form is on the page only if its operation is not refused to the user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import attrs

from reference_server.pages.rendering import HEADERS, redirect, render_message, render_page
from reference_server.pages.requests import ApiResponse, PageApi, PageRequest
from reference_server.pages.sessions import render_sign_in
from stellary.contract.endpoint import Policy
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.errors import Forbidden, Invalid, NotFound, Unauthenticated
from stellary.contract.naming import base, members
from stellary.contract.port import RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Listing, read, wire_fields

INTEGER_LENGTH_MAX = 18
_ENDPOINTS = {endpoint.operation: endpoint for endpoint in ENDPOINTS}


class LinkEnded(NotFound):
    """A mailed link that has expired, or was used before.

    Args:
        reason: The reason in a sentence.
        link: The path of the page to go to, without the prefix, and the text of its link.
    """

    def __init__(self, reason: str, link: tuple[str, str]) -> None:
        super().__init__(reason)
        self.link = link


@attrs.frozen
class Read:
    """An operation that reads a variable of a page.

    Attributes:
        operation: Its name: ``cards.get``.
        query: Its query. A value such as ``:card_id`` is a parameter of the path of the page.
        is_optional: Whether the variable is empty for users who may not read it.
    """

    operation: str
    query: Mapping[str, object] = attrs.field(factory=dict)
    is_optional: bool = False

    @property
    def endpoint(self) -> AnyEndpoint:
        """The operation."""
        return _ENDPOINTS[self.operation]

    def __call__(self, request: PageRequest, api: PageApi, cursor: str | None = None) -> object:
        """Return the value, or the list, that the operation returns.

        Args:
            request: The request for the page.
            api: The API.
            cursor: The start of the page of a list. Default: its beginning.

        Raises:
            ApiError: The operation fails.
        """
        endpoint, parameters = self.endpoint, request.parameters
        query = fill_in(self.query, parameters)
        if cursor is not None:
            query["cursor"] = cursor
        response = api.call_as_user(endpoint, query, ref=build_ref(endpoint.ref, parameters))
        if self.is_optional and response.status == Forbidden.status:
            return Listing([])
        body = response.check()
        if not endpoint.many:
            return read(endpoint.returns, body)
        items = [read(endpoint.returns, item) for item in cast("list[object]", body)]
        return Listing(items, response.cursor)


@attrs.frozen
class PageForm:
    """A form of a page, which calls an operation.

    The names of its fields are those of the request, and of fields in its objects: ``channels.mail.card``. A field ``version`` holds the version that must not have changed, ``key``
    lets a form that is sent twice be done once, and a parameter of the path that the page has not, such as ``item_id``, is a field as well.

    Attributes:
        operation: Its name: ``cards.update``.
        done: The message after it has succeeded.
        values: The fields of the request that the page sets, as in ``Read.query``.
        then: Returns the page after it has succeeded; by default, the browser is led back to the page of the form.
        failed: Returns the page after a 400; by default, the page of the form shows the problem.
    """

    operation: str
    done: str = ""
    values: Mapping[str, object] = attrs.field(factory=dict)
    then: Callable[[PageRequest, ApiResponse], RawResponse] | None = None
    failed: Callable[[PageRequest, ApiResponse], RawResponse] | None = None

    @property
    def endpoint(self) -> AnyEndpoint:
        """The operation."""
        return _ENDPOINTS[self.operation]

    def send(self, request: PageRequest, api: PageApi) -> ApiResponse:
        """Call the operation with the fields of the form, and return its response."""
        endpoint = self.endpoint
        fields = wire_fields(endpoint.request_class)
        body: dict[str, object] = {
            name: parse_text(field.type, request.form[name])
            for name, field in fields.items()
            if name in request.form
        }
        for name, text in request.form.items():
            # No request has deeper objects, so that the rest is a name that the operation refuses.
            first, *inner = name.split(".", 2)
            if first in fields and inner:
                set_inner(body, [first, *inner], text)
        ref = build_ref(endpoint.ref, {**request.form, **request.parameters})
        body |= fill_in(self.values, request.parameters)
        if endpoint.policy.role == "public":
            return api.call(endpoint, body, ref=ref)
        # The forms of a page have the same key, each for another item.
        key = hashlib.sha256(f"{request.form.get('key')} {ref!r}".encode()).hexdigest()
        headers = {"idempotency-key": key} if "key" in request.form else {}
        if "version" in request.form:
            headers["if-match"] = f'"{request.form["version"]}"'
        return api.call_as_user(endpoint, body, ref=ref, headers=headers)


@attrs.frozen
class OperationPage:
    """A page of operations.

    Attributes:
        template: The name of its template, without the ending.
        reads: The operations, or other functions, that read the variables of the template, in order. They are called in
            this order, and the first decides who sees the page. A list has pages, whose cursor is in the query by its name.
        forms: The forms by name. One without a field ``do`` is the first.
        headers: The headers of its response.
    """

    template: str
    reads: Mapping[str, Callable[[PageRequest, PageApi], object]] = attrs.field(factory=dict)
    forms: Mapping[str, PageForm] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(default=HEADERS)

    def show(self, request: PageRequest, api: PageApi) -> RawResponse:
        """Return the page."""
        return show_signed_in(request, partial(self._render, request, api))

    def submit(self, request: PageRequest, api: PageApi) -> RawResponse:
        """Call the operation of a form, and lead back to the page, or show it with the problem."""
        name = request.form.get("do", next(iter(self.forms)))
        request = attrs.evolve(request, form={**request.form, "do": name})
        form = self.forms.get(name)
        if form is None:
            return self.show(request, api)
        response = form.send(request, api)
        if response.problem is not None:
            if response.status == Unauthenticated.status:
                return render_sign_in(request, request.path, status=response.status)
            if form.failed is not None and response.status == Invalid.status:
                return form.failed(request, response)
            return show_signed_in(request, partial(self._render, request, api, response))
        if form.then is not None:
            return form.then(request, response)
        return redirect(request.link(done=name))

    def _render(self, request: PageRequest, api: PageApi, response: ApiResponse | None = None) -> RawResponse:
        values, more = {}, {}
        for name, read_value in self.reads.items():
            if isinstance(read_value, Read) and read_value.endpoint.many:
                value = read_value(request, api, request.query.get(name))
            else:
                value = read_value(request, api)
            if isinstance(value, Listing):
                if value.next is not None:
                    more[name] = request.link(**{name: value.next})
                value = value.items
            values[name] = value
        forms = ShownForms(self, request, api, response)
        status = 200 if response is None else response.status
        return render_page(
            request,
            self.template,
            None,
            status=status,
            headers=self.headers,
            forms=forms,
            more=more,
            **values,
        )


class ShownForms:
    """The forms of a page as its template shows them.

    Args:
        page: The page.
        request: The request.
        api: The API, which knows what the user may do.
        response: The response to the form that was sent; None if the page was only opened.
    """

    def __init__(
        self, page: OperationPage, request: PageRequest, api: PageApi, response: ApiResponse | None = None
    ) -> None:
        self._forms = page.forms
        self._request = request
        self._api = api
        first = next(iter(page.reads.values()), None)
        kind = first.endpoint.ref if isinstance(first, Read) else Ref
        self._ref = build_ref(kind, request.parameters)
        self._allowed: dict[Policy, bool] = {}
        self._problem = None if response is None else response.problem
        form = self._forms.get(request.query.get("done", "")) if response is None else None
        self._message = None if form is None else form.done

    def allows(self, name: str) -> bool:
        """Return whether the user may send a form."""
        endpoint = self._forms[name].endpoint
        policy = endpoint.policy
        if policy not in self._allowed:
            self._allowed[policy] = policy.role == "public" or self._api.is_allowed(endpoint, self._ref)
        return self._allowed[policy]

    def find_typed(self, name: str, items: Mapping[str, str]) -> Mapping[str, str]:
        """Return the fields of a form that has just failed, so that they are not lost; none for others.

        Args:
            name: The name of the form.
            items: The ids of the item that the form is about, by field.
        """
        form = self._request.form
        is_same = form.get("do") == name and all(form.get(field) == id for field, id in items.items())
        return form if is_same else {}

    def take_problem(self, name: str, items: Mapping[str, str]) -> str | None:
        """Return the problem to show beside a form that has just failed, once; None for others.

        Args:
            name: The name of the form.
            items: The ids of the item that the form is about, by field.
        """
        return self.take_remaining()[0] if self._problem and self.find_typed(name, items) else None

    def take_message(self, name: str, items: Mapping[str, str]) -> str | None:
        """Return the message to show beside a form that has just succeeded, once; None for others.

        Args:
            name: The name of the form.
            items: The ids of the item that the form is about, by field.
        """
        is_last = not items and self._request.query.get("done") == name
        return self.take_remaining()[1] if self._message and is_last else None

    def take_remaining(self) -> tuple[str | None, str | None]:
        """Return the problem and the message that no form has shown beside it."""
        remaining = self._problem, self._message
        self._problem = self._message = None
        return remaining


def show_signed_in(request: PageRequest, render: Callable[[], RawResponse]) -> RawResponse:
    """Return a page for the user who has signed in, or else the form to do so.

    Args:
        request: The request.
        render: Returns the page. If it raises NotFound, there is no such page for this user.
    """
    try:
        return render()
    except Unauthenticated:
        # Nobody has signed in, or the session has ended.
        return render_sign_in(request, request.path, status=401)
    except LinkEnded as error:
        title, is_signed_in = "This link is no longer valid", request.session is not None
        return render_message(
            request, title, error.message, link=error.link, status=404, is_signed_in=is_signed_in
        )
    except NotFound:
        sentence = "There is no such page, or you have no access to it."
        return render_message(request, "Not found", sentence, status=404, is_signed_in=True)


def fill_in(values: Mapping[str, object], parameters: Mapping[str, str]) -> dict[str, object]:
    """Return values, with parameters of the path in place of their names.

    Args:
        values: The values, such as ``{"cardId": ":card_id"}``.
        parameters: The parameters by name.
    """
    return {
        name: parameters[value[1:]] if isinstance(value, str) and value.startswith(":") else value
        for name, value in values.items()
    }


def set_inner(body: dict[str, object], path: Sequence[str], value: str) -> None:
    """Set a field of an object in a request. Nothing is set below a field that is a text.

    Args:
        body: The request.
        path: The names from the field of the request to that of the object.
        value: The value.
    """
    for name in path[:-1]:
        inside = body.setdefault(name, {})
        if not isinstance(inside, dict):
            return
        body = inside
    body[path[-1]] = value


def build_ref(kind: type[Ref], parts: Mapping[str, str]) -> Ref:
    """Return the address of an item.

    Args:
        kind: The class of the address.
        parts: The parts of paths by name, of which it takes its own. A missing one leads nowhere.
    """
    fields = attrs.fields(kind)
    return kind.at(
        {
            field.name: parts.get(field.name, "")
            for field in fields
            if field.name in parts or not field.kw_only
        }
    )


def parse_text(kind: object, text: str) -> object:
    """Return the JSON value of a field of a form.

    Args:
        kind: The type of the field of the request.
        text: The text of the field. Nothing is null, if the field may be null.
    """
    if not text and type(None) in members(kind):
        return None
    if base(kind) is bool:
        return {"true": True, "false": False}.get(text, text)
    # The operation refuses a longer number as a text: it has no place in JSON.
    if base(kind) is int and text.isdecimal() and len(text) <= INTEGER_LENGTH_MAX:
        return int(text)
    return text.replace("\r\n", "\n")
