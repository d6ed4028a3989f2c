"""Units of work and clients for the users of Django, in Django's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connections
from sqlalchemy import Connection

from stellary import Stellary
from stellary.contract.errors import Conflict, Forbidden, Invalid, Unauthenticated
from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.cores import get_core, join_transaction
from stellary.core import Actor, Membership, UnitOfWork

NAME_MAX = 100


@contextmanager
def unit(user: Any) -> Iterator[UnitOfWork]:
    """Open a unit of work in Django's transaction, on behalf of a user.

    Within ``transaction.atomic`` or a request with ``ATOMIC_REQUESTS``, the unit is a part of that transaction. Otherwise it has
    one of its own, which commits at the end of the block. An exception undoes the changes of the block.

    Args:
        user: A user of Django, such as ``request.user``. The first unit of a user creates the account.

    Yields:
        The unit, for the services of the core.

    Raises:
        Unauthenticated: The user is anonymous.
        Forbidden: The user is not active.
    """
    with join_transaction() as connection:
        actor = get_actor(user, connection)
        with get_core().begin(actor, connection) as uow:
            yield uow


@contextmanager
def client(user: Any) -> Iterator[Stellary]:
    """Return a client of the SDK whose requests are a part of Django's transaction, on behalf of a user.

    Args:
        user: A user of Django, as with ``unit``.

    Yields:
        The client. It has no event streams.

    Raises:
        Unauthenticated: The user is anonymous.
        Forbidden: The user is not active.
    """
    with join_transaction() as connection:
        actor = get_actor(user, connection)
        yield Stellary.embedded(get_core().port(actor, connection))


def get_actor(user: Any, connection: Connection | None = None) -> Actor:
    """Return the actor for a user of Django. The first call creates the account, later ones update it.

    The account has the address and the name of the user. An address that is missing, not valid, or that of another
    account is left out; two accounts are never merged.

    Args:
        user: A user of Django.
        connection: A connection that has joined a transaction. By default, the account is created in the open transaction
            of Django, and without one, in a transaction of the core.

    Raises:
        Unauthenticated: The user is anonymous.
        Forbidden: The user is not active.
    """
    if connection is None and connections[load_configuration().database].in_atomic_block:
        with join_transaction() as joined:
            return get_actor(user, joined)
    if not user.is_authenticated:
        raise Unauthenticated("a user must be logged in")
    if not user.is_active:
        raise Forbidden("the user is not active")
    email = getattr(user, user.get_email_field_name(), None) or None
    try:
        return _map_user(user, email, connection)
    except (Conflict, Invalid):
        if email is None:
            raise
        return _map_user(user, None, connection)


def is_active(external_id: str, connection: Connection | None = None) -> bool:
    """Return whether a user of Django exists and is active; the account is updated, as by ``get_actor``.

    Args:
        external_id: The primary key of the user, as text.
        connection: A connection that has joined a transaction, as with ``get_actor``.
    """
    with suppress(Forbidden, ObjectDoesNotExist, ValidationError, ValueError):
        users = get_user_model()._default_manager  # noqa: SLF001 - as in the backends of Django
        get_actor(users.get(pk=external_id), connection)
        return True
    return False


def _map_user(user: Any, email: str | None, connection: Connection | None) -> Actor:
    core = get_core()
    external_id, name = str(user.pk), _find_name(user)
    configuration = load_configuration()
    if configuration.membership is None:
        return core.user(external_id=external_id, email=email, name=name, connection=connection)
    memberships = configuration.membership(user)
    if memberships is None or isinstance(memberships, Membership):
        memberships = () if memberships is None else (memberships,)
    return core.set_memberships(
        external_id, memberships, email=email, name=name, manages=configuration.manages, connection=connection
    )


def _find_name(user: Any) -> str | None:
    """Return the full name of a user, or else a user name that is no address; None if there is neither."""
    # Models such as that of cookiecutter-django set the parts to None, and have a name instead.
    has_parts = None not in (getattr(user, "first_name", ""), getattr(user, "last_name", ""))
    find_full_name = getattr(user, "get_full_name", None)
    full_name = find_full_name() if find_full_name is not None and has_parts else ""
    name = str(full_name or getattr(user, "name", None) or "").strip()
    if not name and user.get_email_field_name() != user.USERNAME_FIELD:
        name = str(user.get_username())
    return name[:NAME_MAX].strip() or None
