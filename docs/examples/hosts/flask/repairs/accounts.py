"""Sign-up, log-in and log-out, with sessions in signed cookies and a token against cross-site requests."""

from __future__ import annotations

import secrets
from hmac import compare_digest

from flask import Blueprint, request
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash

from repairs.login import find_user
from repairs.models import User
from repairs.services import PREFIX, get_services
from stellary.contract.errors import Conflict, Forbidden, Invalid, Unauthenticated

blueprint = Blueprint("accounts", __name__)
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
PASSWORD_MIN = 8
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_DECOY = generate_password_hash(secrets.token_hex())


# --8<-- [start:csrf]
def check_csrf_token() -> None:
    """Refuse changes by requests that do not repeat the token of the session.

    The API below ``PREFIX`` is left out: it refuses changes from pages of other sites itself, and its clients may send
    bearer tokens in place of a cookie.
    """
    if request.method in SAFE_METHODS or request.path.startswith(f"{PREFIX}/"):
        return
    token: str = cookie.get("csrf_token", "")
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not token or not compare_digest(token.encode(), sent.encode()):
        raise Forbidden(f"{CSRF_FIELD} must be the token of the session")


# --8<-- [end:csrf]


@blueprint.get("/session")
def show_session() -> ResponseReturnValue:
    """Return the token of the session, and the user if one is logged in."""
    token = cookie.setdefault("csrf_token", secrets.token_urlsafe())
    with get_services().sessions() as session:
        user = find_user(session)
        return {"csrfToken": token, "user": None if user is None else user.email}


@blueprint.post("/users")
def sign_up() -> ResponseReturnValue:
    """Create a user, and log in."""
    email, password = read_credentials()
    try:
        user_id = get_services().transact(lambda session: create_user(session, email, password).id)
    except IntegrityError:
        raise Conflict("the address has an account already") from None
    log_in_as(user_id)
    return {"user": email}, 201


def create_user(session: Session, email: str, password: str, *, is_staff: bool = False) -> User:
    """Create a user."""
    user = User(email=email, password_hash=generate_password_hash(password), is_staff=is_staff)
    session.add(user)
    session.flush()
    return user


@blueprint.post("/session")
def log_in() -> ResponseReturnValue:
    """Log in."""
    email, password = read_credentials()
    with get_services().sessions() as session:
        user = session.scalar(select(User).where(User.email == email, User.is_active))
        # The hash is checked in any case, so that the time of the response does not tell whether there is an account.
        is_right = check_password_hash(_DECOY if user is None else user.password_hash, password)
        if user is None or not is_right:
            raise Unauthenticated("the address or the password is wrong")
        log_in_as(user.id)
    return {"user": email}


@blueprint.delete("/session")
def log_out() -> ResponseReturnValue:
    """Log out."""
    cookie.clear()
    return "", 204


def log_in_as(user_id: int) -> None:
    """Start a new session, with a token of its own."""
    cookie.clear()
    cookie["user_id"] = user_id
    cookie["csrf_token"] = secrets.token_urlsafe()


def read_credentials() -> tuple[str, str]:
    """Return the address and the password in the form of the request."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    if "@" not in email or len(password) < PASSWORD_MIN:
        raise Invalid(f"email and password are required; a password has at least {PASSWORD_MIN} characters")
    return email.casefold(), password
