"""API tokens: personal access tokens for scripts and services. Section API Tokens of the API reference.

These endpoints require a JWT, so that a token cannot create a more powerful one.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from stellary.contract.endpoint import Collection, TokenScope, creates
from stellary.contract.limits import Id, Items, Name, Secret
from stellary.contract.policies import OWN_TOKEN, PERSON_ONLY
from stellary.contract.refs import ApiTokenRef, Ref
from stellary.contract.wire import UNSET, RecordedItem, Request, Unset


class ApiToken(RecordedItem):
    """A personal access token of the caller, without its secret.

    Attributes:
        prefix: The first characters of the token, to tell it from others.
        scopes: The granted scopes. A token never grants more than its user is currently allowed to do.
        expires_at: None if the token does not expire.
        last_used_at: To the minute; None if the token was never used.
        project_ids: The only projects that the token reaches; nothing outside of them exists for it. None for all.
    """

    name: str
    prefix: str
    scopes: list[TokenScope]
    expires_at: datetime | None
    last_used_at: datetime | None
    project_ids: list[str] | None = None


class CreatedApiToken(ApiToken):
    """A token that has just been created.

    Attributes:
        token: The secret token; only returned in this response.
    """

    token: Annotated[str, Secret()]


class CreateApiToken(Request):
    """The fields of a new token.

    Attributes:
        name: 1-100 characters.
        scopes: Default: all scopes.
        expires_at: A time in the future; ``None`` (the default) for a token that does not expire.
        project_ids: The projects to which the token is bound, 1-100. Default: the token reaches all that its user does.
    """

    name: Name
    scopes: Annotated[list[TokenScope], Items(1, 7)] | Unset = UNSET
    expires_at: date | Unset | None = UNSET
    project_ids: Annotated[list[Id], Items(1, 100)] | Unset = UNSET


_TOKENS = Collection(Ref, "api-tokens", ApiTokenRef, ApiToken)

CREATE_API_TOKEN = creates(
    "api_tokens.create",
    Ref,
    "api-tokens",
    summary="Create a personal access token. The full token is only returned in this response.",
    takes=CreateApiToken,
    returns=CreatedApiToken,
    policy=PERSON_ONLY,
)
LIST_API_TOKENS = _TOKENS.lists(
    "api_tokens.list",
    summary="List the caller's tokens, without their secrets.",
    policy=PERSON_ONLY,
)
DELETE_API_TOKEN = _TOKENS.deletes(
    "api_tokens.delete",
    summary="Permanently revoke a token. Requests with it are refused from then on.",
    policy=OWN_TOKEN,
)
