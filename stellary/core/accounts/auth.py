"""Registration, login and the caller's own profile. Section Auth of the API reference."""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Row, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from stellary.contract.auth import LOGIN, ME, REGISTER, Login, Me, Register, Session, User
from stellary.contract.errors import Conflict, Unauthenticated
from stellary.contract.refs import Ref
from stellary.contract.wire import invalid
from stellary.core.accounts import personal
from stellary.core.accounts.passwords import hash_password, verify_password
from stellary.core.accounts.tables import users
from stellary.core.unit import NOBODY, Actor, UnitOfWork, serves, serves_outside

_BY_EMAIL = select(users).where(users.c.email_key == bindparam("email_key"))
_BY_ID = select(users).where(users.c.id == bindparam("user_id"))
_INSERT = insert(users)


def email_key(email: str) -> str:
    """The form in which addresses are compared: without regard to case."""
    return email.casefold()


@serves_outside(REGISTER)
def register(core: Any, actor: Actor, ref: Ref, request: Register) -> Session:
    """Make an account with a personal organization and workspace."""
    try:
        email = validate_email(request.email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise invalid(("email", "must be a valid e-mail address")) from None
    password_hash = hash_password(request.password, core.bcrypt_rounds)
    with core.begin(NOBODY) as uow:
        made = {
            "id": uow.new_id(),
            "email": email,
            "email_key": email_key(email),
            "name": request.name or email.partition("@")[0][:100],
            "password_hash": password_hash,
            "token_generation": 0,
            "created_at": uow.now,
            "updated_at": uow.now,
        }
        try:
            uow.connection.execute(_INSERT, made)
        except IntegrityError:
            raise Conflict(
                "an account with this e-mail address exists already", code="duplicate_email"
            ) from None
        personal.create_home(uow, made["id"], made["name"], email)
        user = User(id=made["id"], email=email, name=made["name"], pilotage_role="owner", created_at=uow.now)
        return Session(access_token=core.signer.issue(user.id, 0, uow.now), user=user)


@serves_outside(LOGIN)
def login(core: Any, actor: Actor, ref: Ref, request: Login) -> Session:
    """Exchange e-mail address and password for a JWT."""
    with core.view(NOBODY) as uow:
        row = uow.connection.execute(_BY_EMAIL, {"email_key": email_key(request.email)}).first()
        now = uow.now
    if not verify_password(request.password, row and row.password_hash, core.bcrypt_rounds):
        raise Unauthenticated("the e-mail address or the password is wrong", code="bad_credentials")
    assert row is not None
    return Session(access_token=core.signer.issue(row.id, row.token_generation, now), user=_user(row))


@serves(ME)
def me(uow: UnitOfWork, ref: Ref) -> Me:
    """The caller's profile."""
    return Me(user=_user(uow.connection.execute(_BY_ID, {"user_id": uow.user_id}).one()))


def _user(row: Row[Any]) -> User:
    # A personal workspace is its owner's alone, who is its pilotage owner and stays it.
    return User(id=row.id, email=row.email, name=row.name, pilotage_role="owner", created_at=row.created_at)
