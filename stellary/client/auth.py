"""The caller's account."""

from __future__ import annotations

from stellary.client._method import C, Resource, method
from stellary.contract.auth import CHANGE_PASSWORD, LOGIN, ME, REGISTER, UPDATE_ME


class Auth(Resource[C]):
    """The caller's account. What answers with a token lets the client, and all of its handles, go on with that one."""

    me = method(ME)
    update_me = method(UPDATE_ME)
    change_password = method(CHANGE_PASSWORD)
    login = method(LOGIN)
    register = method(REGISTER)
