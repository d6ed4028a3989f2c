"""The accounts of a host: the methods of ``Core`` that map, provision, deactivate and erase its users."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from sqlalchemy import Connection

from stellary.contract.errors import Unauthenticated
from stellary.core.accounts.deletion import change_user_of_host, deactivate, erase, reactivate
from stellary.core.accounts.hosted import find_external_id, map_user
from stellary.core.accounts.provisioning import Membership, provision, remove
from stellary.core.accounts.users import id_by_address
from stellary.core.api.authentication import authenticate_bearer
from stellary.core.db.errors import raise_api_errors
from stellary.core.kernel.unit import NOBODY, Actor
from stellary.core.kernel.units import Units


class HostAccounts:
    """The part of ``Core`` for the users of an embedding application."""

    units: Units

    def user(
        self,
        *,
        external_id: str,
        email: str | None = None,
        name: str | None = None,
        connection: Connection | None = None,
    ) -> Actor:
        """Return the actor for a user of your application. The first call creates the user, later ones update it.

        Args:
            external_id: Your id of the user; 1-200 characters.
            email: The email address: at most 254 characters with an @, unique without regard to case. Pass only addresses
                that your application has verified, since others add the account to organizations by its address. None
                keeps the address; on creation, the user gets one in the reserved domain ``users.invalid``.
            name: The name, 1-100 characters. None keeps the name; on creation, the local part of the address is used, or
                the external id.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            The actor.

        Raises:
            Invalid: The id, the address or the name is not valid.
            Conflict: The address belongs to another user, who is not deactivated.
            Forbidden: The account is deactivated.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return map_user(self.units, external_id, email, name, connection)

    def find_external_id(self, bearer: str, connection: Connection | None = None) -> str | None:
        """Return your id of the user that a bearer token belongs to.

        Args:
            bearer: The token. That of an agent belongs to its workspace, and to no user.
            connection: A connection of yours, in whose transaction the core reads. By default, it uses its own.

        Returns:
            The id; None if the token is not valid, or does not belong to a user of your application.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
        """
        with suppress(Unauthenticated), raise_api_errors(), self.units.read(NOBODY, connection) as uow:
            actor = authenticate_bearer(uow.connection, bearer, uow.env)[0]
            return find_external_id(uow, actor.user_id)
        return None

    def provision(
        self,
        external_id: str,
        membership: Membership,
        *,
        email: str | None = None,
        name: str | None = None,
        connection: Connection | None = None,
    ) -> Actor:
        """Return the actor for a user of your application who is a member of a workspace. No invitation is sent.

        Missing organizations and workspaces are created, named after their slugs. A new organization belongs
        to the user, and a new workspace to the owner of its organization. Roles that differ are changed, with
        all consequences of a change over HTTP; owners keep their roles. A new user gets no personal
        workspace. If everything is as requested, the call only reads, so you may call it for each login or request.

        Args:
            external_id: Your id of the user; 1-200 characters.
            membership: The workspace and the roles.
            email: The email address, as with ``user``.
            name: The name, as with ``user``.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            The actor.

        Raises:
            Invalid: The id, the address, the name or a slug is not valid.
            Conflict: The address belongs to another user, who is not deactivated.
            Forbidden: The account is deactivated.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return provision(self.units, external_id, (membership,), email, name, connection)

    def set_memberships(
        self,
        external_id: str,
        memberships: Iterable[Membership],
        *,
        email: str | None = None,
        name: str | None = None,
        manages: Callable[[str], bool] = lambda _: True,
        connection: Connection | None = None,
    ) -> Actor:
        """Return the actor for a user of your application, whose memberships are these and no others.

        Memberships are created and changed as with ``provision``. Those that are not listed end as with ``deprovision``,
        in the same transaction, also those that were given to the user over HTTP. Organizations and workspaces that
        the user owns stay. A new organization belongs to an account of its own without a login, so that each
        member can leave. A new user without memberships gets a personal workspace. If everything is as requested, the
        call only reads, with two statements.

        Args:
            external_id: Your id of the user; 1-200 characters.
            memberships: All memberships of the user.
            email: The email address, as with ``user``.
            name: The name, as with ``user``.
            manages: Returns whether your application decides on the members of an organization, by its slug. In others,
                memberships stay. It is called with the slugs that ``memberships`` lacks. By default, it decides on all.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            The actor.

        Raises:
            Invalid: The id, the address, the name or a slug is not valid, or an organization or a workspace is listed with
                two roles.
            Conflict: The address belongs to another user, who is not deactivated.
            Forbidden: The account is deactivated.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return provision(self.units, external_id, tuple(memberships), email, name, connection, manages)

    def deprovision(
        self,
        external_id: str,
        *,
        organization: str,
        workspace: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Remove a user of your application from a workspace, or from an organization with all its workspaces.

        Assignments, sent invitations, webhooks, rules and agents' tokens of the user end or are handed over to the owner
        of the organization, as when a member is removed over HTTP.

        Args:
            external_id: Your id of the user.
            organization: The slug of the organization.
            workspace: The slug of the workspace. By default, the user leaves the organization.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            Whether the user was a member.

        Raises:
            Conflict: The user owns the organization or the workspace.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return remove(self.units, external_id, organization, workspace, connection)

    def deactivate(self, external_id: str, *, connection: Connection | None = None) -> bool:
        """End all rights of a user of your application, until ``reactivate`` is called.

        In one transaction, sessions, streams, API tokens and agents' tokens of the user end, sent invitations are deleted, rules
        are disabled, missions are cancelled, and webhooks are disabled and handed over to an owner of the workspace
        or organization. Memberships and assignments stay, also those of an owner; members are listed
        with ``deactivated_at``. The user gets no notifications, and cannot be mentioned or assigned. Another user of yours
        may take the address; the account then has one in the reserved domain ``users.invalid``. ``user``,
        ``provision`` and requests with an actor of the user in a workspace or organization raise ``Forbidden``.

        Args:
            external_id: Your id of the user.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            Whether there was such a user, who was active.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return change_user_of_host(self.units, external_id, connection, deactivate)

    def reactivate(self, external_id: str, *, connection: Connection | None = None) -> bool:
        """Reactivate a user that ``deactivate`` has deactivated.

        The memberships are valid again. Earlier logins and tokens stay revoked, and rules and webhooks disabled.

        Args:
            external_id: Your id of the user.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            Whether there was such a user, who was deactivated.

        Raises:
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return change_user_of_host(self.units, external_id, connection, reactivate)

    def erase(self, external_id: str, *, connection: Connection | None = None) -> bool:
        """Delete the account of a user of your application, as when the user deletes it over HTTP.

        Name, address and password are deleted; sessions and tokens end; the user leaves all organizations, and those
        without other members are deleted, personal ones included. What the user has shared stays, under the name
        "former member". The next call of ``user`` with the same external id creates a new account.

        Args:
            external_id: Your id of the user.
            connection: A connection of yours, in a transaction that you commit. By default, the core uses its own.

        Returns:
            Whether there was such a user.

        Raises:
            Conflict: The user owns organizations with other members.
            Unavailable: The database does not answer, or was busy for too long.
        """
        with raise_api_errors():
            return change_user_of_host(self.units, external_id, connection, erase)

    def known_by(self, email: str) -> Actor | None:
        """Return the actor of the user with an email address, or None if there is no such user. No access is checked."""
        with raise_api_errors(), self.units.read(NOBODY) as uow:
            user_id = id_by_address(uow, email)
        return None if user_id is None else Actor(user_id)
