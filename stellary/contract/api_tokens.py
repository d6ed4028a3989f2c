"""API tokens: personal access tokens for scripts and services. Section API Tokens of the API reference.

These endpoints take a person who has logged in, so that a token cannot make itself a stronger one.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from stellary.contract.endpoint import Ok, TokenScope, creates, deletes, lists
from stellary.contract.limits import Items, Name, Secret
from stellary.contract.paging import Paged
from stellary.contract.policies import OWN_TOKEN, PERSON_ONLY
from stellary.contract.refs import ApiTokenRef, Ref
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value


@value
class ApiToken(Value):
    """A personal access token of the caller, without its secret.

    Attributes:
        prefix: The first characters of the secret, by which a person tells it from others.
        scopes: What it reaches; never more than what its user may do now.
        expires_at: None if it does not expire.
        last_used_at: Kept to the minute; None if it never was used.
    """

    id: str
    name: str
    prefix: str
    scopes: list[TokenScope]
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@value
class CreatedApiToken(ApiToken):
    """A token that has just been made.

    Attributes:
        token: Its secret, shown this once.
    """

    token: Annotated[str, Secret()]


@request
class CreateApiToken(Request):
    """A token to be.

    Attributes:
        name: 1-100 characters.
        scopes: All of them if not given.
        expires_at: A moment to come, or None for a token that does not expire.
    """

    name: Name
    scopes: Annotated[list[TokenScope], Items(1, 7)] | Unset = UNSET
    expires_at: date | Unset | None = UNSET


CREATE_API_TOKEN = creates(
    "api_tokens.create",
    Ref,
    "api-tokens",
    summary="Create a personal access token; its secret is in this answer and never shown again.",
    takes=CreateApiToken,
    returns=CreatedApiToken,
    policy=PERSON_ONLY,
    keeps_secret=True,
)
LIST_API_TOKENS = lists(
    "api_tokens.list",
    Ref,
    "api-tokens",
    summary="List the caller's tokens, without their secrets.",
    takes=Paged,
    item=ApiToken,
    policy=PERSON_ONLY,
)
DELETE_API_TOKEN = deletes(
    "api_tokens.delete",
    ApiTokenRef,
    summary="Revoke a token; it is refused from the next request on.",
    returns=Ok,
    policy=OWN_TOKEN,
)

ENDPOINTS = (CREATE_API_TOKEN, LIST_API_TOKENS, DELETE_API_TOKEN)
