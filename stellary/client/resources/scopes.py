"""Scopes: the work packages of a project."""

from __future__ import annotations

from stellary.client.calling.method import C, IdLike, ItemHandle, Resource, by_id, iterates, method
from stellary.contract.scope_views import GET_VIEWS, SET_VIEW
from stellary.contract.scopes import CREATE_SCOPE, DELETE_SCOPE, GET_SCOPE, LIST_SCOPES, UPDATE_SCOPE


class AnyScopes(Resource[C]):
    """The scopes of all projects of a workspace. Call it with an id for the handle of one."""

    get = by_id(GET_SCOPE)
    update = by_id(UPDATE_SCOPE)
    delete = by_id(DELETE_SCOPE)
    views = by_id(GET_VIEWS)
    set_view = by_id(SET_VIEW)

    def __call__(self, scope: IdLike) -> ScopeHandle[C]:
        return ScopeHandle(self._caller, self._extend_path(scope_id=scope))


class Scopes(AnyScopes[C]):
    """The scopes of a project. Call it with an id for the handle of one.

    ``board.columns.list(scope_id=…)`` and ``board.cards.list(scope_id=…)`` list the contents of one.
    """

    create = method(CREATE_SCOPE)
    list = method(LIST_SCOPES)
    iterate = iterates(LIST_SCOPES)


class ScopeHandle(ItemHandle[C]):
    """One scope, with its views: ``views(type="stats").data.stats``."""

    get = method(GET_SCOPE)
    update = method(UPDATE_SCOPE)
    delete = method(DELETE_SCOPE)
    views = method(GET_VIEWS)
    set_view = method(SET_VIEW)
