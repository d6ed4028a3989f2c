"""Access checks: one statement each, built at import, which reads the caller's roles and the row that a ref names.

An area declares its checks in its ``access`` module::

    webhook = AccessCheck(WebhookRef, WebhookRow, Link("Webhook", webhooks, "webhook_id", ...), columns=webhooks.c)

    loaded = webhook(uow, ref)  # Loaded[WebhookRow]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs
from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.core.accounts import rules
from stellary.core.accounts.login_state import LOGIN_GENERATION
from stellary.core.accounts.project_sight import SEEN_OR_HIDDEN, find_sight, join_caller, select_roles
from stellary.core.accounts.rules import CallerRoles
from stellary.core.accounts.tables import organization_members, organizations, workspace_members, workspaces
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.unit import UnitOfWork

R = TypeVar("R", bound=WorkspaceRef)
Row = TypeVar("Row", bound=RowType)
Row_co = TypeVar("Row_co", bound=RowType, covariant=True)

AccessByRef = Mapping[type[Ref], Callable[[UnitOfWork, Any], object]]
"""Access checks by the kind of ref that they take."""

ORGANIZATION_ID: ColumnElement[str] = organizations.c.id
"""The table of the organization in the statement of an access check."""
WORKSPACE_ID: ColumnElement[str] = workspaces.c.id
"""The table of the workspace in the statement of an access check, to which an area joins its own tables."""

ORGANIZATION_ROLES = (
    organizations.c.id.label("_organization_id"),
    organization_members.c.role.label("_org_role"),
    LOGIN_GENERATION.label("_token_generation"),
)
"""The first columns of a statement that reads the caller's roles in an organization and confirms the login."""
TO_ORGANIZATION: FromClause = organizations.outerjoin(
    organization_members,
    and_(
        organization_members.c.organization_id == organizations.c.id, is_given(organization_members.c.user_id)
    ),
)
"""The organization of the slug ``_org_slug``, with the membership of the caller."""
IN_ORGANIZATION: ColumnElement[bool] = is_given(organizations.c.slug, "org_slug")

_ROLES = (
    *ORGANIZATION_ROLES,
    workspaces.c.id.label("_workspace_id"),
    workspaces.c.owner_id.label("_workspace_owner_id"),
    workspaces.c.is_personal.label("_is_personal"),
    workspaces.c.has_listeners.label("_has_listeners"),
    workspaces.c.has_change_rules.label("_has_change_rules"),
    workspaces.c.has_guests.label("_has_guests"),
    workspaces.c.has_watches.label("_has_watches"),
    workspace_members.c.role.label("_ws_role"),
    workspace_members.c.pilotage_role.label("_pilotage_role"),
)
_GENERATION = 2
"""The position of the confirmation of the login among these columns."""


def join_seat(source: FromClause) -> FromClause:
    """Return a FROM clause with the membership of the user ``_user_id`` in the workspace of a clause.

    Args:
        source: The clause with the workspace.
    """
    is_here = workspace_members.c.workspace_id == workspaces.c.id
    is_own = is_given(workspace_members.c.user_id)
    return source.outerjoin(workspace_members, and_(is_here, is_own))


IS_NAMED: ColumnElement[bool] = and_(
    workspaces.c.organization_id == organizations.c.id, is_given(workspaces.c.slug, "ws_slug")
)
"""The condition that a workspace has the slug ``_ws_slug`` in its organization."""
_TO_WORKSPACE = join_seat(TO_ORGANIZATION.join(workspaces, IS_NAMED))


@attrs.frozen
class Link:
    """A table that an access check joins, between the workspace and the row that a ref names.

    An outer join is used, so that the result shows which link is missing.

    Attributes:
        name: The kind of resource for the message, such as ``Card``; None if the row may be missing.
        table: The table.
        key: The attribute of the ref with the id of the row; None if ``within`` alone identifies it.
        within: The condition that joins the row to the links before it.
        column: The column that the key is compared with.
        parse: Converts the attribute of the ref to a value of the column; None if it already is one.
        is_project: Whether the row is the project that contains the item, on which the caller's role depends. The id of
            the project is the column ``of_project`` of the check's row.
    """

    name: str | None
    table: FromClause
    key: str | None = None
    within: ColumnElement[bool] | None = None
    column: str = "id"
    parse: Callable[[str], object] | None = None
    is_project: bool = False

    def join(self, source: FromClause) -> FromClause:
        """Return a FROM clause with the table."""
        conditions = [] if self.within is None else [self.within]
        if self.key is not None:
            conditions.append(self.table.c[self.column] == bindparam(f"ref_{self.key}"))
        source = source.outerjoin(self.table, and_(*conditions))
        return join_caller(source, self.table) if self.is_project else source

    @property
    def roles(self) -> tuple[ColumnElement[Any], ...]:
        """The columns of a project on which the caller's role in it depends: ``own_role`` and ``others_role``."""
        return select_roles(self.table) if self.is_project else ()

    @property
    def marker(self) -> ColumnElement[Any] | None:
        """The column that is null if the row is missing; None if that does not matter."""
        if self.is_project:
            return self.table.c[self.column].label("of_project")
        return None if self.name is None else self.table.c[self.column].label(f"_has_{self.name}")


@attrs.frozen
class Loaded(Generic[Row_co]):
    """The result of an access check: the row, and the caller's roles."""

    row: Row_co
    roles: CallerRoles


class AccessCheck(Generic[R, Row]):
    """The access check for a kind of ref. Call it to load the row that a ref names, with the caller's roles.

    The order of the checks determines the error. First, a caller who does not see the workspace gets
    ``NotFound``. Then the role is checked, and then that no link is missing. Links on which the role depends
    (the project, the author of the row) are checked before the role.

    Args:
        ref: The kind of ref.
        row_type: The columns that are read from the row.
        *links: The tables between the workspace and the row, and the row's own.
        columns: The columns that the statement selects.
        author: The column with the author of the row, if policies depend on it.
        subject: The attribute of the ref with the user that it is about, if policies depend on it.
        path_project: For refs whose path may name a project: columns, one of which must have the id of that project.
        dependency: The kind of row that a proposed change depends on; None if the row's ``version`` is not recorded.
        version: The column that changes with the row.
        parameters: Returns further parameters of the statement.
        hides: Returns whether a row is hidden from the caller, as if it did not exist, if its project may be deleted.
        reads_sight: Whether the roles tell which projects of the workspace the caller sees. Checks without a project do.
    """

    def __init__(
        self,
        ref: type[R],
        row_type: type[Row],
        *links: Link,
        columns: Iterable[ColumnElement[Any]],
        author: str | None = None,
        subject: str | None = None,
        path_project: Sequence[str] = (),
        dependency: str | None = None,
        version: str = "updated_at",
        parameters: Callable[[UnitOfWork], Mapping[str, object]] | None = None,
        hides: Callable[[Row, CallerRoles], bool] | None = None,
        reads_sight: bool = False,
    ) -> None:
        self.ref = ref
        self._hides = hides
        reads_sight = reads_sight or hides is not None or not any(link.is_project for link in links)
        hidden = (SEEN_OR_HIDDEN.label("_listed_projects"),) if reads_sight else ()
        self.query = Query(row_type, select_links(links, (*hidden, *columns)))
        self._author, self._subject, self._path_project = author, subject, path_project
        self._dependency, self._version, self._parameters = dependency, ("id", version), parameters
        self._keys = [(f"ref_{link.key}", link.key, link.parse) for link in links if link.key is not None]
        marked = [link for link in links if link.marker is not None]
        after = len(_ROLES) + len(marked)
        numbered = list(enumerate(marked, len(_ROLES)))
        self._project = next((number for number, link in numbered if link.is_project), None)
        self._roles = slice(after, after + 2)
        self._sight = (
            (after + 2 if any(link.is_project for link in links) else after) if reads_sight else None
        )
        names = [(number, link.name) for number, link in numbered if link.name]
        keyed = next((number for number, link in numbered if link.is_project and link.key), -1)
        decisive = after if author is not None else keyed + 1
        self._before = [(number, name) for number, name in names if number < decisive]
        self._after = names[len(self._before) :]
        self._name = next((link.name for link in marked if link.is_project and link.name), "")

    def __call__(self, uow: UnitOfWork, ref: R) -> Loaded[Row]:
        """Check the caller's access to the row that a ref names, and load it.

        Args:
            uow: The unit of work. Its current policy row names the required role.
            ref: The ref.

        Raises:
            NotFound: The caller does not see the workspace, or it has no such row.
            Forbidden: The caller's role is not enough.
        """
        loaded = self.load(uow, ref)
        row = loaded.row
        if not loaded.roles.admits(uow.policy):
            # Before the links, so that guests do not learn what exists.
            check_role(uow, loaded.roles)
        _require_links(row, self._before)
        if self._path_project:
            project_id = getattr(ref, "project_id", None)
            projects = [getattr(row, name) for name in self._path_project]
            if project_id is not None and project_id not in projects:
                raise NotFound(f"{self._name} not found")
        if self._author is not None:
            check_role(uow, loaded.roles, getattr(row, self._author))
        else:
            check_role(uow, loaded.roles, self._subject and getattr(ref, self._subject))
        _require_links(row, self._after)
        if self._dependency is not None and uow.dependencies is not None:
            id, row_version = (getattr(row, column) for column in self._version)
            uow.record_dependency(self._dependency, id, row_version)
        return loaded

    def load(self, uow: UnitOfWork, ref: R) -> Loaded[Row]:
        """Load a row with the caller's roles, and check only that the caller sees the workspace.

        Args:
            ref: The ref.

        Raises:
            NotFound: The caller does not see the workspace.
        """
        parameters: dict[str, object] = {
            "_user_id": uow.principal_id,
            "_session_id": uow.pending_session_id,
            "_org_slug": ref.org_slug,
            "_ws_slug": ref.ws_slug,
        }
        for name, key, parse in self._keys:
            value = getattr(ref, key)
            parameters[name] = value if parse is None else parse(value)
        if self._parameters is not None:
            parameters.update(self._parameters(uow))
        row = self.query.first(uow.connection, parameters)
        roles = None if row is None else self._read_roles(uow, row)
        if row is None or roles is None or not roles.sees_workspace:
            raise NotFound("Workspace not found")
        check_active(uow, row[_GENERATION])
        actor = uow.actor
        limits = actor.agent_limits
        if limits is not None and limits.workspace_id != roles.workspace_id:
            raise NotFound("Workspace not found")
        is_hidden = self._hides is not None and self._hides(row, roles)
        if self._project is not None:
            project_id = row[self._project]
            is_hidden |= project_id is not None and roles.project_role is None
            if project_id is not None or self._hides is None:
                is_hidden |= not find_sight(actor).sees(project_id) or (project_id is None and roles.is_guest)
        if is_hidden:
            # Read again with empty ids, as if the row did not exist, to find out about the workspace.
            no_ids = {name: "" for name, _, _ in self._keys}
            row = self.query.one(uow.connection, parameters | no_ids)
            roles = attrs.evolve(roles, in_project=False, project_role=None)
        return Loaded(row, roles)

    def _read_roles(self, uow: UnitOfWork, row: RowType) -> CallerRoles:
        (
            organization_id,
            org_role,
            generation,
            workspace_id,
            owner_id,
            is_personal,
            has_listeners,
            has_change_rules,
            has_guests,
            has_watches,
            ws_role,
            pilotage_role,
        ) = row[: len(_ROLES)]
        uow.confirm_login(uow.principal_id, generation)
        if not has_listeners:
            uow.workspaces_without_subscribers.add(workspace_id)
        if not has_change_rules:
            uow.workspaces_without_change_rules.add(workspace_id)
        if not has_guests:
            uow.shared_places.add(workspace_id)
        if not has_watches:
            uow.workspaces_without_watches.add(workspace_id)
        sight, project_role, own_role = rules.SEES_ALL, None, None
        is_admin = rules.is_admin(org_role, ws_role, is_personal=is_personal)
        is_guest = ws_role == "guest" and not is_admin
        if self._sight is not None:
            member = () if is_admin else (uow.principal_id, row[self._sight])
            sight = find_sight(uow.actor, *member, is_guest=is_guest)
        if self._project is not None and row[self._project] is not None:
            own_role, others_role = row[self._roles]
            if others_role is not None:
                uow.shared_places.add(row[self._project])
            others_role = None if is_guest else others_role
            project_role = rules.find_project_role(own_role, others_role, is_admin=is_admin)
        return CallerRoles(
            user_id=uow.principal_id,
            organization_id=organization_id,
            org_role=org_role,
            workspace_id=workspace_id,
            workspace_owner_id=owner_id,
            is_personal=is_personal,
            ws_role=ws_role,
            pilotage_role=pilotage_role,
            in_project=own_role is not None,
            project_role=project_role,
            sight=sight,
        )


def select_links(links: Iterable[Link], columns: Iterable[ColumnElement[Any]]) -> Select[Any]:
    """Build the statement that reads the caller's roles in a workspace, the markers of links, and columns.

    Args:
        links: The tables to join to the workspace.
        columns: The columns that are read.
    """
    source, markers, roles = _TO_WORKSPACE, list[ColumnElement[Any]](), list[ColumnElement[Any]]()
    for link in links:
        source = link.join(source)
        if link.marker is not None:
            markers.append(link.marker)
        roles += link.roles
    return select(*_ROLES, *markers, *roles, *columns).select_from(source).where(IN_ORGANIZATION)


def check_role(uow: UnitOfWork, roles: CallerRoles, author_id: str | None = None) -> None:
    """Check that the caller has the role that the current policy row requires.

    Args:
        uow: The unit of work, with the current policy row.
        roles: The caller's roles.
        author_id: The author of the row, or the user that it is about, for policies that depend on it.

    Raises:
        Forbidden: The roles are not enough.
    """
    policy = uow.policy
    if not roles.admits(policy):
        raise Forbidden("guests may not do that: it requires the role member", code="insufficient_role")
    needed = roles.lacks(policy)
    if needed is not None:
        raise Forbidden(
            f"your role does not allow that: it requires the role {needed} in the project",
            code="insufficient_role",
        )
    if not roles.grants(policy.role, author_id):
        raise Forbidden("your role does not allow that", code="insufficient_role")
    uow.mark_authorized()


def check_active(uow: UnitOfWork, generation: int | None) -> None:
    """Check that the account with whose rights the caller acts is not deactivated.

    Args:
        uow: The unit of work, whose login has been confirmed.
        generation: The value of ``LOGIN_GENERATION`` for the account; None if it is deactivated.

    Raises:
        Forbidden: The account is deactivated, and the unit does not act for the host.
    """
    if generation is None and not uow.actor.acts_for_host:
        raise Forbidden("the account is deactivated", code="account_deactivated")


def by_ref(*checks: AccessCheck[Any, Any]) -> AccessByRef:
    """Return access checks by their kind of ref."""
    return {check.ref: check for check in checks}


def _require_links(row: RowType, links: Iterable[tuple[int, str]]) -> None:
    for number, name in links:
        if row[number] is None:
            raise NotFound(f"{name} not found")
