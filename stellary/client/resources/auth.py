"""The caller's account."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.auth import (
    CHANGE_EMAIL,
    CHANGE_PASSWORD,
    CONFIRM_EMAIL,
    CONFIRM_SECOND_FACTOR,
    DELETE_ACCOUNT,
    DISABLE_SECOND_FACTOR,
    ENROLL_SECOND_FACTOR,
    FORGOT_PASSWORD,
    GET_SECOND_FACTOR,
    LIST_IDENTITIES,
    LIST_SESSIONS,
    LOGIN,
    LOGOUT,
    ME,
    REGISTER,
    RESET_PASSWORD,
    REVOKE_SESSION,
    SEND_CONFIRMATION,
    UNLINK_IDENTITY,
    UPDATE_ME,
)


class Auth(Resource[C]):
    """The caller's account.

    ``login`` and ``register`` return a session with a token and do not change this client:
    ``client.with_options(token=session.access_token)`` is a client of that account, and ``Stellary.login(…)`` does both.
    ``change_password`` ends the caller's JWTs, so this client and its handles continue with the new one.
    """

    me = method(ME)
    update_me = method(UPDATE_ME)
    change_password = method(CHANGE_PASSWORD)
    change_email = method(CHANGE_EMAIL)
    confirm_email = method(CONFIRM_EMAIL)
    send_confirmation = method(SEND_CONFIRMATION)
    delete_account = method(DELETE_ACCOUNT)
    logout = method(LOGOUT)
    list_sessions = method(LIST_SESSIONS)
    iterate_sessions = iterates(LIST_SESSIONS)
    revoke_session = by_id(REVOKE_SESSION)
    list_identities = method(LIST_IDENTITIES)
    iterate_identities = iterates(LIST_IDENTITIES)
    unlink_identity = by_id(UNLINK_IDENTITY)
    get_second_factor = method(GET_SECOND_FACTOR)
    enroll_second_factor = method(ENROLL_SECOND_FACTOR)
    confirm_second_factor = method(CONFIRM_SECOND_FACTOR)
    disable_second_factor = method(DISABLE_SECOND_FACTOR)
    forgot_password = method(FORGOT_PASSWORD)
    reset_password = method(RESET_PASSWORD)
    login = method(LOGIN)
    register = method(REGISTER)
