"""Projects: boards with columns and cards, and who works on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client._method import C, Id, Resource, by_id, iterates, method
from stellary.contract.portfolio import GET_PORTFOLIO
from stellary.contract.projects import (
    ADD_PROJECT_MEMBER,
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_BOARD,
    GET_PROJECT,
    LIST_PROJECT_MEMBERS,
    LIST_PROJECTS,
    LIST_TEMPLATES,
    REMOVE_PROJECT_MEMBER,
    UPDATE_PROJECT,
)

if TYPE_CHECKING:
    from stellary.client.activity import ProjectActivity
    from stellary.client.cards import CardHandle, Cards
    from stellary.client.columns import ColumnHandle, Columns
    from stellary.client.custom_fields import CustomFields
    from stellary.client.labels import Labels
    from stellary.client.scopes import ScopeHandle, Scopes


class Projects(Resource[C]):
    """The projects of a workspace. Called with an id it gives the handle of one: its board."""

    create = method(CREATE_PROJECT)
    list = method(LIST_PROJECTS)
    iterate = iterates(LIST_PROJECTS)
    templates = method(LIST_TEMPLATES)
    portfolio = method(GET_PORTFOLIO)
    get = by_id(GET_PROJECT)
    update = by_id(UPDATE_PROJECT)
    delete = by_id(DELETE_PROJECT)
    board = by_id(GET_BOARD)

    def __call__(self, project: Id) -> ProjectHandle[C]:
        return ProjectHandle(self._caller, self._below(project_id=project))


class ProjectHandle(Resource[C]):
    """One project, and all that is on its board."""

    get = method(GET_PROJECT)
    update = method(UPDATE_PROJECT)
    delete = method(DELETE_PROJECT)
    board = method(GET_BOARD)

    @property
    def members(self) -> ProjectMembers[C]:
        """Who works on it."""
        return ProjectMembers(self._caller, self._place)

    @property
    def columns(self) -> Columns[C]:
        """Its columns."""
        from stellary.client.columns import Columns

        return Columns(self._caller, self._place)

    @property
    def scopes(self) -> Scopes[C]:
        """Its work packages."""
        from stellary.client.scopes import Scopes

        return Scopes(self._caller, self._place)

    @property
    def cards(self) -> Cards[C]:
        """Its cards, across all columns."""
        from stellary.client.cards import Cards

        return Cards(self._caller, self._place)

    @property
    def labels(self) -> Labels[C]:
        """The labels that its cards can bear."""
        from stellary.client.labels import Labels

        return Labels(self._caller, self._place)

    @property
    def custom_fields(self) -> CustomFields[C]:
        """What it wants to know of its cards."""
        from stellary.client.custom_fields import CustomFields

        return CustomFields(self._caller, self._place)

    @property
    def activity(self) -> ProjectActivity[C]:
        """What has happened in it."""
        from stellary.client.activity import ProjectActivity

        return ProjectActivity(self._caller, self._place)

    def column(self, column: Id) -> ColumnHandle[C]:
        """One of its columns."""
        return self.columns(column)

    def scope(self, scope: Id) -> ScopeHandle[C]:
        """One of its scopes."""
        return self.scopes(scope)

    def card(self, card: Id) -> CardHandle[C]:
        """One of its cards."""
        return self.cards(card)


class ProjectMembers(Resource[C]):
    """Who works on a project. ``remove`` takes a user's id, or a member."""

    list = method(LIST_PROJECT_MEMBERS)
    iterate = iterates(LIST_PROJECT_MEMBERS)
    add = method(ADD_PROJECT_MEMBER)
    remove = by_id(REMOVE_PROJECT_MEMBER)
