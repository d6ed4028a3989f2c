"""Personal access tokens."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.api_tokens import CREATE_API_TOKEN, DELETE_API_TOKEN, LIST_API_TOKENS


class ApiTokens(Resource[C]):
    """The caller's personal access tokens. They require a login, not a personal access token."""

    create = method(CREATE_API_TOKEN)
    list = method(LIST_API_TOKENS)
    iterate = iterates(LIST_API_TOKENS)
    delete = by_id(DELETE_API_TOKEN)
