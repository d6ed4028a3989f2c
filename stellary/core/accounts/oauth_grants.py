"""OAuth grants: API tokens that a user lets a program have by OAuth, and that the program renews.

A grant is one row of the API tokens. The program first has a code, then an access token and a refresh token, both of
which each refresh replaces. Codes and refresh tokens are signed, and name the row and how often it was renewed; so an old
one is recognised without being stored, and its use ends the grant: either the program or a thief has used it before.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import delete, insert, or_, select, update

from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.contract.policies import PERSON_ONLY
from stellary.core.accounts.api_tokens import PREFIX_LENGTH, check_room
from stellary.core.accounts.authentication import digest, new_api_token, new_secret
from stellary.core.accounts.emails import clean_name, send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.row_types import OAuthGrantRow
from stellary.core.accounts.tables import api_tokens, users
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import UnitOfWork

Tokens = dict[str, str | int]
CODE_LIFETIME = timedelta(minutes=1)
ACCESS_LIFETIME = timedelta(hours=1)
IDLE_LIFETIME = timedelta(days=30)
"""The time after which a grant that is not renewed ends."""
_c = api_tokens.c
_ROW = Query(
    OAuthGrantRow,
    select(_c.scopes, _c.grant_digests, _c.renewals, _c.renewable_until)
    .join_from(api_tokens, users)
    .where(is_given(_c.id), _c.renewals.is_not(None), users.c.deactivated_at.is_(None))
    .with_for_update(of=api_tokens),
)
_INSERT = insert(api_tokens)
_RENEW = update(api_tokens).where(is_given(_c.id))
_END = delete(api_tokens).where(
    _c.renewals.is_not(None),
    or_(is_given(_c.id), is_given(_c.token_digest, "digest")),
)
RETENTION = RetentionRule(api_tokens, _c.renewable_until)
"""The rule for codes that were not used, and for grants that were not renewed."""


def digest_proof(client_id: str, redirect_uri: str, challenge: str) -> dict[str, str]:
    """Return the digests of what a program must repeat to get the tokens of a grant.

    Args:
        client_id: The id of the program.
        redirect_uri: The address to which the code was sent.
        challenge: The S256 challenge of PKCE.
    """
    return {"client": digest(client_id), "code": digest(f"{challenge} {redirect_uri}")}


def create_grant(uow: UnitOfWork, name: str, scopes: Collection[str], proof: Mapping[str, str]) -> str:
    """Create a grant of the caller, and return its code.

    Args:
        uow: A unit that may write, on behalf of a user who has logged in.
        name: The name of the program.
        scopes: The granted scopes.
        proof: The result of ``digest_proof``.

    Raises:
        Forbidden: The caller uses an API token.
        Conflict: The caller has too many tokens.
    """
    # Otherwise a token could create one with more scopes.
    uow.actor.require(PERSON_ONLY)
    lock_caller(uow)
    check_room(uow)
    id = uow.new_id()
    row = {
        "id": id,
        "user_id": uow.user_id,
        "name": name,
        # There is no access token yet.
        "prefix": "",
        "token_digest": digest(new_secret()),
        "scopes": [scope for scope in TOKEN_SCOPES if scope in scopes],
        "expires_at": uow.now,
        "created_at": uow.now,
        "grant_digests": proof,
        "renewals": 0,
        "renewable_until": uow.now + CODE_LIFETIME,
    }
    uow.connection.execute(_INSERT, row)
    send_security_notice(
        uow, uow.user_id, f"The program “{clean_name(name)}” was given access to your account."
    )
    return _sign(uow, id, 0)


def redeem_code(
    uow: UnitOfWork, code: str, client_id: str, redirect_uri: str, verifier: str
) -> Tokens | None:
    """Return the first tokens of a grant as OAuth writes them; None if the code is not valid, which ends the grant.

    Args:
        uow: A unit that may write.
        code: The code.
        client_id: The id of the program.
        redirect_uri: The address to which the code was sent.
        verifier: The verifier of PKCE.
    """
    sha256 = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    challenge = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
    return _renew(uow, code, digest_proof(client_id, redirect_uri, challenge), is_code=True)


def refresh_tokens(uow: UnitOfWork, refresh_token: str, client_id: str) -> Tokens | None:
    """Return new tokens of a grant as OAuth writes them; None if the refresh token is not valid, which ends the grant.

    Args:
        uow: A unit that may write.
        refresh_token: The refresh token.
        client_id: The id of the program.
    """
    return _renew(uow, refresh_token, {"client": digest(client_id)}, is_code=False)


def end_grant(uow: UnitOfWork, token: str) -> None:
    """End the grant that an access token or a refresh token belongs to, if there is one.

    Args:
        uow: A unit that may write.
        token: The token.
    """
    uow.connection.execute(_END, {"_id": _read(uow, token)[0], "_digest": digest(token)})
    uow.send_on_commit(ACCESS)


def _renew(uow: UnitOfWork, secret: str, proof: Mapping[str, str], *, is_code: bool) -> Tokens | None:
    id, renewals = _read(uow, secret)
    row = _ROW.first(uow.connection, {"_id": id})
    if row is None or row.grant_digests is None or row.renewable_until is None:
        return None
    is_current = renewals == row.renewals and is_code == (renewals == 0) and row.renewable_until > uow.now
    if not is_current or not proof.items() <= row.grant_digests.items():
        end_grant(uow, secret)
        return None
    access_token = new_api_token()
    change = {
        "prefix": access_token[:PREFIX_LENGTH],
        "token_digest": digest(access_token),
        "expires_at": uow.now + ACCESS_LIFETIME,
        "renewals": renewals + 1,
        "renewable_until": uow.now + IDLE_LIFETIME,
    }
    uow.connection.execute(_RENEW, {**change, "_id": id})
    uow.send_on_commit(ACCESS)
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "refresh_token": _sign(uow, id, renewals + 1),
        "scope": " ".join(row.scopes),
    }


def _sign(uow: UnitOfWork, id: str, renewals: int) -> str:
    text = f"{id}.{renewals}"
    return f"{text}.{uow.env.signer.derive('oauth-grant', text).hex()}"


def _read(uow: UnitOfWork, secret: str) -> tuple[str, int]:
    """Return the row and the number of renewals that a code or refresh token names; an empty id if it is forged."""
    id, _, more = secret.partition(".")
    number = more.partition(".")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return "", 0
    is_genuine = hmac.compare_digest(
        _sign(uow, id, int(number)).encode(), secret.encode("utf-8", "surrogatepass")
    )
    return (id, int(number)) if is_genuine else ("", 0)
