"""The second factor of logins: codes of an authenticator app, and recovery codes. Section Auth.

A secret counts once the user has confirmed it with a code. Each code is accepted once: the row of the factor contains
the time step of the last one, and a recovery code is deleted with its use, so that of two logins with one code one wins.

Secrets are encrypted with the key that signs logins. One in plain text, of an earlier version, or encrypted with a former
key is encrypted with the present key when a code of it is used.

Clients that must not keep the password, such as pages, keep a pending login between the password and the code.
"""

from __future__ import annotations

import base64
import logging
import secrets
from datetime import timedelta

import attrs
from sqlalchemy import bindparam, delete, func, insert, select, update

from stellary.contract.auth import (
    CONFIRM_SECOND_FACTOR,
    DISABLE_SECOND_FACTOR,
    ENROLL_SECOND_FACTOR,
    GET_SECOND_FACTOR,
    ConfirmSecondFactor,
    DisableSecondFactor,
    EnrollSecondFactor,
    RecoveryCodes,
    SecondFactor,
    SecondFactorSecret,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import ApiError, Conflict, FieldProblem, Invalid, Unauthenticated
from stellary.contract.refs import Ref
from stellary.core.accounts import one_time_codes
from stellary.core.accounts.authentication import confirm_login, digest
from stellary.core.accounts.emails import send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.passwords import USER, check_current_password
from stellary.core.accounts.row_types import SecondFactorRow
from stellary.core.accounts.sessions import start_session
from stellary.core.accounts.tables import recovery_codes, second_factors
from stellary.core.accounts.users import check_not_deactivated, find_user_by_address, id_by_address
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves, serves_self_managed
from stellary.core.kernel.units import Units

_log = logging.getLogger("stellary.server")
RECOVERY_CODES = 10
"""The number of recovery codes of an account."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""The characters of recovery codes: those that are not mistaken for others."""
_GROUPS, _GROUP_LENGTH = 4, 4
_ENCRYPTED, _PURPOSE = "encrypted:", "second-factor"
PENDING_LIFETIME = timedelta(minutes=10)
_PENDING_PURPOSE = "pending-login"

_OF_USER = is_given(second_factors.c.user_id)
_FIND = Query(SecondFactorRow, select(second_factors).where(_OF_USER))
_INSERT = insert(second_factors)
_USE_STEP = update(second_factors).where(_OF_USER, second_factors.c.last_step < bindparam("_step"))
_DELETE = delete(second_factors).where(_OF_USER)
_INSERT_CODES = insert(recovery_codes)
_COUNT_CODES = select(func.count()).where(is_given(recovery_codes.c.user_id))
_USE_RECOVERY_CODE = delete(recovery_codes).where(
    is_given(recovery_codes.c.user_id), is_given(recovery_codes.c.code_digest, "digest")
)
_DELETE_CODES = delete(recovery_codes).where(is_given(recovery_codes.c.user_id))


@serves(GET_SECOND_FACTOR)
def get_second_factor(uow: UnitOfWork, ref: Ref) -> SecondFactor:
    """Return the state of the caller's second factor."""
    confirm_login(uow)
    factor = _find_enabled(uow, uow.user_id)
    return SecondFactor(
        enabled=factor is not None,
        enabled_at=None if factor is None else factor.confirmed_at,
        recovery_codes=uow.connection.execute(_COUNT_CODES, {"_user_id": uow.user_id}).scalar_one(),
    )


@serves_self_managed(ENROLL_SECOND_FACTOR)
def enroll_second_factor(
    units: Units, actor: Actor, ref: Ref, request: EnrollSecondFactor
) -> SecondFactorSecret:
    """Store a new secret, which replaces one that was not confirmed.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: The current password.

    Raises:
        Invalid: The password is wrong.
        Conflict: The account has a second factor.
        Unauthenticated: The caller's login has ended at the same time.
    """
    user = check_current_password(units, actor, request.current_password)
    secret = one_time_codes.generate_secret()
    with units.transaction(actor) as uow:
        lock_caller(uow)
        if _find_enabled(uow, user.id) is not None:
            raise _already_enabled()
        uow.connection.execute(_DELETE, {"_user_id": user.id})
        row = {
            "user_id": user.id,
            "secret": _encrypt(uow, user.id, secret),
            "last_step": 0,
            "created_at": uow.now,
        }
        uow.connection.execute(_INSERT, row)
    return SecondFactorSecret(secret=secret, uri=one_time_codes.build_uri(secret, user.email))


@serves_self_managed(CONFIRM_SECOND_FACTOR)
def confirm_second_factor(
    units: Units, actor: Actor, ref: Ref, request: ConfirmSecondFactor
) -> RecoveryCodes:
    """Enable the second factor, and return new recovery codes.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: A code of the app.

    Raises:
        Invalid: The code is wrong.
        Conflict: There is no secret to confirm, or the second factor is enabled already.
        RateLimited: The account has tried too many codes.
        Unauthenticated: The caller's login has ended at the same time.
    """
    with units.transaction(actor) as uow:
        lock_caller(uow)
        factor = _FIND.first(uow.connection, {"_user_id": uow.user_id})
        if factor is None:
            raise Conflict("there is no secret to confirm; get one first", code="no_second_factor")
        if factor.confirmed_at is not None:
            raise _already_enabled()
        problem = one_time_codes.count_guess(uow, uow.user_id)
        codes = [] if problem is not None else _confirm(uow, factor, request.code)
    # The guess is counted, so the unit has committed.
    if problem is not None:
        raise problem
    if not codes:
        raise _build_wrong_code("is not the code that the app shows")
    return RecoveryCodes(codes=codes)


def _confirm(uow: UnitOfWork, factor: SecondFactorRow, code: str) -> list[str]:
    """Enable a factor, and return its recovery codes; none if the code is wrong."""
    secret = _decrypt(uow, uow.user_id, factor.secret)
    step = None if secret is None else one_time_codes.find_step(secret, code, uow.now, factor.last_step)
    if step is None:
        return []
    parameters = {"_user_id": uow.user_id, "_step": step, "last_step": step, "confirmed_at": uow.now}
    uow.connection.execute(_USE_STEP, parameters)
    one_time_codes.forget_guesses(uow, uow.user_id)
    send_security_notice(uow, uow.user_id, "The second factor of your account was enabled.")
    codes = [_generate_recovery_code() for _ in range(RECOVERY_CODES)]
    rows = [{"user_id": uow.user_id, "code_digest": _digest_recovery_code(code)} for code in codes]
    uow.connection.execute(_INSERT_CODES, rows)
    return codes


@serves_self_managed(DISABLE_SECOND_FACTOR)
def disable_second_factor(units: Units, actor: Actor, ref: Ref, request: DisableSecondFactor) -> Ok:
    """Delete the caller's second factor.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: The current password and a code.

    Raises:
        Invalid: The password or the code is wrong.
        Conflict: The account has no second factor.
        RateLimited: The account has tried too many codes.
        Unauthenticated: The caller's login has ended at the same time.
    """
    user = check_current_password(units, actor, request.current_password)
    with units.transaction(actor) as uow:
        lock_caller(uow)
        factor = _find_enabled(uow, user.id)
        if factor is None:
            raise Conflict("the account has no second factor", code="no_second_factor")
        wrong = _build_wrong_code("is wrong, or was used before")
        problem = _use_code(uow, user.id, factor, request.code, wrong)
        if problem is None:
            delete_second_factor(uow, user.id)
            send_security_notice(uow, user.id, "The second factor of your account was disabled.")
    # The guess is counted, so the unit has committed.
    if problem is not None:
        raise problem
    return Ok()


def use_second_factor(uow: UnitOfWork, user_id: str, code: str | None) -> ApiError | None:
    """Check and use the code of a login whose password was right, if the account has a second factor.

    Args:
        uow: The unit that starts the session.
        user_id: The account.
        code: The code of the app, or a recovery code; None if the login has none.

    Returns:
        The error if the code is missing, wrong or used, or was not checked since too many were wrong; otherwise None. Raise
        it after the commit, so that the guess is counted.
    """
    factor = _find_enabled(uow, user_id)
    if factor is None:
        return None
    if code is None:
        message = "the account has a second factor; send the code of your authenticator app as well"
        return Unauthenticated(message, code="code_required")
    wrong = Unauthenticated("the code is wrong, or was used before", code="wrong_code")
    return _use_code(uow, user_id, factor, code, wrong)


def remove_second_factor(uow: UnitOfWork, email: str) -> bool | None:
    """Remove the second factor of an account, for an operator; return whether there was one, or None without an account.

    Args:
        uow: A unit that may write.
        email: The address of the account.
    """
    user_id = id_by_address(uow, email)
    return None if user_id is None else delete_second_factor(uow, user_id)


def _find_enabled(uow: UnitOfWork, user_id: str) -> SecondFactorRow | None:
    factor = _FIND.first(uow.connection, {"_user_id": user_id})
    return None if factor is None or factor.confirmed_at is None else factor


def _use_code(
    uow: UnitOfWork, user_id: str, factor: SecondFactorRow, code: str, wrong: ApiError
) -> ApiError | None:
    """Use a code, and return the error if it was wrong, or another request has used it, or too many were wrong."""
    parameters: dict[str, object] = {"_user_id": user_id}
    if not one_time_codes.is_guess(code):
        parameters["_digest"] = _digest_recovery_code(code)
        return None if uow.connection.execute(_USE_RECOVERY_CODE, parameters).rowcount else wrong
    problem = one_time_codes.count_guess(uow, user_id)
    if problem is not None:
        return problem
    secret = _decrypt(uow, user_id, factor.secret)
    if secret is None:
        _log.error("the second factor of the user %s is encrypted with an unknown JWT_SECRET", user_id)
        return Unauthenticated("codes cannot be checked; use a recovery code", code="wrong_code")
    step = one_time_codes.find_step(secret, code, uow.now, factor.last_step)
    parameters |= {"_step": step, "last_step": step, "secret": _encrypt(uow, user_id, secret)}
    if step is None or not uow.connection.execute(_USE_STEP, parameters).rowcount:
        return wrong
    one_time_codes.forget_guesses(uow, user_id)
    return None


def _encrypt(uow: UnitOfWork, user_id: str, secret: str) -> str:
    """Return a secret as it is stored: in plain text only if no later process could decrypt it."""
    if not uow.env.signer.is_lasting:
        return secret
    encrypted = uow.env.signer.encrypt(_PURPOSE, user_id, base64.b32decode(secret))
    return _ENCRYPTED + base64.b64encode(encrypted).decode()


def _decrypt(uow: UnitOfWork, user_id: str, stored: str) -> str | None:
    """Return a secret from its stored form; None if it is encrypted with an unknown key."""
    if not stored.startswith(_ENCRYPTED):
        return stored
    encrypted = base64.b64decode(stored.removeprefix(_ENCRYPTED))
    secret = uow.env.signer.decrypt(_PURPOSE, user_id, encrypted)
    return None if secret is None else base64.b32encode(secret).decode()


def _build_wrong_code(message: str) -> ApiError:
    return Invalid(f"code {message}", code="wrong_code", details=[FieldProblem("code", message)])


def delete_second_factor(uow: UnitOfWork, user_id: str) -> bool:
    """Delete the second factor of a user with its recovery codes, and return whether there was one.

    Args:
        uow: A unit that may write, and has locked the row of the user unless it acts for the operator.
        user_id: The user.
    """
    one_time_codes.forget_guesses(uow, user_id)
    uow.connection.execute(_DELETE_CODES, {"_user_id": user_id})
    return bool(uow.connection.execute(_DELETE, {"_user_id": user_id}).rowcount)


def _generate_recovery_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _digest_recovery_code(code: str) -> str:
    return digest(code.lower().replace("-", "").replace(" ", ""))


def _already_enabled() -> Conflict:
    return Conflict("the account has a second factor already; disable it first", code="second_factor_enabled")


@attrs.frozen
class PendingLogin:
    """A login whose password was right, and which waits for a code.

    Attributes:
        user_id: The account.
        email: Its address.
        generation: The number of passwords that the user has had. A new one ends the pending login.
    """

    user_id: str
    email: str
    generation: int


def find_pending_login(uow: UnitOfWork, email: str) -> PendingLogin | None:
    """Return the pending login for an address; None without an account. Call it before the password is checked.

    Args:
        uow: A unit.
        email: The address, as the user has typed it.
    """
    user = find_user_by_address(uow, email)
    return None if user is None else PendingLogin(user.id, user.email, user.token_generation)


def seal_pending_login(uow: UnitOfWork, login: PendingLogin) -> str:
    """Return a pending login as a signed text, which is valid for ten minutes.

    Args:
        uow: A unit.
        login: The login, whose password was right.
    """
    data = {"sub": login.user_id, "email": login.email, "gen": login.generation}
    return uow.env.signer.seal(_PENDING_PURPOSE, data, uow.now, PENDING_LIFETIME)


def open_pending_login(units: Units, sealed: str) -> PendingLogin:
    """Return the pending login in a signed text.

    Args:
        units: The core.
        sealed: The text, which may come from anyone.

    Raises:
        Unauthenticated: It is forged or expired.
    """
    data = units.env.signer.unseal(_PENDING_PURPOSE, sealed, units.env.clock())
    if data is None:
        raise _build_login_expired()
    generation = data["gen"]
    assert isinstance(generation, int)
    return PendingLogin(str(data["sub"]), str(data["email"]), generation)


def finish_login(units: Units, login: PendingLogin, code: str, device: str) -> str:
    """Check the code of a pending login, start a session, and return its JWT.

    Args:
        units: The core.
        login: The login.
        code: The code of the authenticator app, or a recovery code.
        device: The name of the device or program.

    Raises:
        Unauthenticated: The code is wrong or was used before, or the password has been changed since.
        RateLimited: Too many codes were wrong.
        Forbidden: The account is deactivated.
        Unavailable: The database does not answer, or was busy for too long.
    """
    with raise_api_errors(), units.transaction(NOBODY) as uow:
        user = USER.first(uow.connection, {"_user_id": login.user_id})
        if user is None or user.token_generation != login.generation:
            raise _build_login_expired()
        check_not_deactivated(user)
        problem = use_second_factor(uow, user.id, code)
        if problem is None:
            return start_session(uow, user.id, user.token_generation, device)
    # A guess of a code is counted, so the unit has committed.
    raise problem


def _build_login_expired() -> Unauthenticated:
    return Unauthenticated("the sign-in has expired; start again", code="login_expired")
