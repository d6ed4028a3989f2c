"""Rotate an API token.

Creates a successor with the same scopes, passes it on, and deletes the old token only after the new one has worked. Tokens are created
with a login, not with another token.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from stellary import Stellary


def rotate(client: Stellary, name: str, store: Callable[[str], None]) -> str:
    old = next(token for token in client.api_tokens.list() if token.name == name)
    new = client.api_tokens.create(
        name=name, scopes=old.scopes, expires_at=datetime.now(UTC) + timedelta(days=90)
    )
    store(new.token)  # in your secret manager: it is shown only once
    client.with_options(token=new.token).organizations.list()
    client.api_tokens.delete(old)
    return new.id
