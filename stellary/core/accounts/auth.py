"""Registration, login and the caller's own profile. Section Auth of the API reference."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, exists, func, select, update

from stellary.contract.auth import (
    CHANGE_PASSWORD,
    LOGIN,
    ME,
    REGISTER,
    UPDATE_ME,
    ChangePassword,
    Login,
    Me,
    PasswordChanged,
    Register,
    Session,
    UpdateMe,
    User,
)
from stellary.contract.errors import Conflict, Forbidden, Unauthenticated
from stellary.contract.refs import Ref
from stellary.core.accounts import api_tokens
from stellary.core.accounts.common_passwords import check_new_password
from stellary.core.accounts.email_links import send_verification
from stellary.core.accounts.email_tokens import delete_links
from stellary.core.accounts.emails import send_security_notice
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.login_state import LOGIN_GENERATION
from stellary.core.accounts.passwords import check_current_password, hash_password, rounds_of, verify_password
from stellary.core.accounts.row_types import CallerRow, UserRow, UserWithRoleRow
from stellary.core.accounts.second_factors import use_second_factor
from stellary.core.accounts.sessions import start_session
from stellary.core.accounts.tables import invitations, users, workspace_members, workspaces
from stellary.core.accounts.users import (
    address,
    address_key,
    check_not_deactivated,
    create_user,
    default_name,
)
from stellary.core.db.base import is_given
from stellary.core.db.errors import raise_api_errors
from stellary.core.db.row_types import Query
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves, serves_self_managed
from stellary.core.kernel.units import Units

_USERS = select(users, workspace_members.c.pilotage_role).select_from(
    users.outerjoin(
        workspaces, and_(workspaces.c.owner_id == users.c.id, workspaces.c.is_personal)
    ).outerjoin(
        workspace_members,
        and_(workspace_members.c.workspace_id == workspaces.c.id, workspace_members.c.user_id == users.c.id),
    )
)
_BY_EMAIL = Query(UserWithRoleRow, _USERS.where(users.c.email_key == bindparam("email_key")))
_CALLER = Query(
    CallerRow,
    _USERS.add_columns(LOGIN_GENERATION.label("live_generation")).where(is_given(users.c.id, "user_id")),
)
_IS_INVITED = select(
    exists().where(is_given(invitations.c.email_key), invitations.c.expires_at > bindparam("_now"))
)
_RENAME = update(users).where(is_given(users.c.id))
_CHANGE_PASSWORD = update(users).where(is_given(users.c.id), is_given(users.c.token_generation, "generation"))
_MOST_ROUNDS = select(func.max(func.substr(users.c.password_hash, 5, 2)))
_REHASH = update(users).where(is_given(users.c.id), is_given(users.c.password_hash, "before"))


@serves_self_managed(REGISTER)
def register(units: Units, actor: Actor, ref: Ref, request: Register) -> Session:
    """Create an account with a personal organization and workspace, and log in.

    Args:
        units: The core.
        actor: The caller, who needs no login.
        ref: The root ref, which is not used.
        request: The fields of the account.

    Raises:
        Invalid: The e-mail address is not valid, or the password is one of the most common ones.
        Conflict: An account with this address exists.
        Forbidden: Registration is closed, or requires an invitation, and this address has none.
    """
    email = address(request.email)
    check_registration(units, email)
    check_new_password(request.password, email, "password")
    password_hash = hash_password(request.password, units.env.bcrypt_rounds)
    with raise_api_errors(), units.transaction(NOBODY) as uow:
        user = create_user(
            uow,
            email,
            request.name or default_name(email),
            password_hash=password_hash,
            is_verified=not uow.env.verify_email,
        )
        if not user.email_verified:
            send_verification(uow, user)
        access_token = start_session(uow, user.id, 0, request.device or None)
    return Session(access_token=access_token, user=user)


@serves_self_managed(LOGIN)
def login(units: Units, actor: Actor, ref: Ref, request: Login) -> Session:
    """Log in with an e-mail address, a password and the code of a second factor, and return a JWT.

    Args:
        units: The core.
        actor: The caller, who needs no login yet.
        ref: The root ref, which is not used.
        request: The address, the password and the code.

    Raises:
        Unauthenticated: The account does not exist, or the password is wrong. Both cases have the same
            message and take the same time. Or the password is right, and the code is missing or wrong.
        RateLimited: The password is right, and too many codes were wrong.
        Forbidden: The account is deactivated.
    """
    with units.read(NOBODY) as uow:
        row = _BY_EMAIL.first(uow.connection, {"email_key": address_key(request.email)})
        rounds = _rounds_of_check(uow)
    stored = None if row is None else row.password_hash
    if not verify_password(request.password, stored, rounds) or row is None or stored is None:
        raise Unauthenticated("the e-mail address or the password is wrong", code="bad_credentials")
    check_not_deactivated(row)
    if rounds_of(stored) != units.env.bcrypt_rounds:
        _rehash(units, row, request.password)
    with units.transaction(NOBODY) as uow:
        problem = use_second_factor(uow, row.id, request.code or None)
        if problem is None:
            access_token = start_session(uow, row.id, row.token_generation, request.device or None)
            return Session(access_token=access_token, user=_user(row))
    # A guess of a code is counted, so the unit has committed.
    raise problem


@serves(ME, snapshot=False)
def me(uow: UnitOfWork, ref: Ref) -> Me:
    """Return the caller's profile."""
    return _me(uow)


@serves(UPDATE_ME)
def update_me(uow: UnitOfWork, ref: Ref, request: UpdateMe) -> Me:
    """Change the caller's name."""
    if request.name:
        uow.connection.execute(_RENAME, {"_id": uow.user_id, "name": request.name, "updated_at": uow.now})
    return _me(uow)


@serves_self_managed(CHANGE_PASSWORD)
def change_password(units: Units, actor: Actor, ref: Ref, request: ChangePassword) -> PasswordChanged:
    """Change the caller's password. Earlier JWTs are rejected from then on.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: The current and the new password, and whether to revoke tokens too.

    Returns:
        A new JWT, and the number of tokens that remain valid.

    Raises:
        Invalid: The current password is wrong, or the new one is one of the most common ones.
        Conflict: Another request has changed the password at the same time.
        Unauthenticated: The caller's login has ended at the same time.
    """
    before = check_current_password(units, actor, request.current_password)
    check_new_password(request.new_password, before.email, "newPassword")
    password_hash = hash_password(request.new_password, units.env.bcrypt_rounds)
    generation = before.token_generation + 1
    with units.transaction(actor) as uow:
        lock_caller(uow)
        changed = uow.connection.execute(
            _CHANGE_PASSWORD,
            {
                "_id": uow.user_id,
                "_generation": before.token_generation,
                "password_hash": password_hash,
                "token_generation": generation,
                "updated_at": uow.now,
            },
        ).rowcount
        if not changed:
            raise Conflict("the password was changed at the same time", code="password_changed")
        delete_links(uow, uow.user_id)
        uow.send_on_commit(ACCESS)
        send_security_notice(uow, uow.user_id, "The password of your account was changed.")
        revoked = api_tokens.revoke_all(uow) if request.revoke_tokens else 0
        return PasswordChanged(
            access_token=start_session(uow, uow.user_id, generation, None),
            live_api_tokens=api_tokens.count_live(uow),
            revoked_tokens=revoked,
        )


def check_registration(units: Units, email: str) -> None:
    """Check that the owner of an address may create an account on this server.

    Args:
        units: The core.
        email: The address, as ``address`` returns it.

    Raises:
        Forbidden: Registration is closed, or requires an invitation, and this address has none.
    """
    registration = units.env.registration
    if registration == "closed":
        raise Forbidden("registration is closed on this server", code="registration_closed")
    if registration == "invited":
        with units.read(NOBODY) as uow:
            parameters = {"_email_key": address_key(email), "_now": uow.now}
            is_invited = uow.connection.execute(_IS_INVITED, parameters).scalar()
        if not is_invited:
            raise Forbidden("registration requires an invitation", code="registration_closed")


def _rounds_of_check(uow: UnitOfWork) -> int:
    """Return the bcrypt rounds for every password check: the configured number, or the highest stored one if it is larger.

    The stored numbers change only after the setting has changed, so they are read once.
    """
    env = uow.env
    if env.stored_rounds is None:
        env.stored_rounds = int(uow.connection.execute(_MOST_ROUNDS).scalar() or 0)
    return max(env.bcrypt_rounds, env.stored_rounds)


def _rehash(units: Units, row: UserRow, password: str) -> None:
    """Store a correct password with the configured rounds, unless it has just been changed."""
    password_hash = hash_password(password, units.env.bcrypt_rounds)
    with units.transaction(NOBODY) as uow:
        uow.connection.execute(
            _REHASH, {"_id": row.id, "_before": row.password_hash, "password_hash": password_hash}
        )


def _me(uow: UnitOfWork) -> Me:
    parameters = {"_user_id": uow.user_id, "_session_id": uow.pending_session_id}
    row = _CALLER.first(uow.connection, parameters)
    if row is None:
        raise Unauthenticated("the account does not exist any more", code="invalid_token")
    uow.confirm_login(uow.user_id, row.live_generation)
    check_not_deactivated(row)
    return Me(user=_user(row))


def _user(row: UserWithRoleRow) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        pilotage_role=row.pilotage_role or "viewer",
        email_verified=row.unverified_since is None,
        created_at=row.created_at,
    )
