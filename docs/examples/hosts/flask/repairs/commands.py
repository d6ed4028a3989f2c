"""Commands: ``flask --app wsgi migrate``, ``create-user`` and ``lock-user``."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repairs.accounts import PASSWORD_MIN, create_user
from repairs.board import set_up
from repairs.models import TABLES, Base, User
from repairs.services import get_services


def add_commands(app: Flask) -> None:
    """Add the commands to an application."""
    for command in (migrate, create_account, lock_user):
        app.cli.add_command(command)


# --8<-- [start:migrate]
@click.command()
@with_appcontext
def migrate() -> None:
    """Create or upgrade all tables; first those of the core, to which the others refer."""
    services = get_services()
    services.core.migrate()
    # An application with Alembic upgrades its own tables with it here.
    Base.metadata.create_all(services.engine, tables=TABLES)
    set_up(services.core)
    click.echo("The tables are up to date.")


# --8<-- [end:migrate]


@click.command("create-user")
@click.argument("email")
@click.option("--staff", is_flag=True, help="Lets the user work on the board.")
@click.password_option(envvar="PASSWORD")
@with_appcontext
def create_account(email: str, staff: bool, password: str) -> None:
    """Create a user."""
    if "@" not in email or len(password) < PASSWORD_MIN:
        raise click.ClickException(
            f"an address and a password of at least {PASSWORD_MIN} characters are required"
        )
    try:
        get_services().transact(
            lambda session: create_user(session, email.casefold(), password, is_staff=staff).id
        )
    except IntegrityError:
        raise click.ClickException(f"{email} has an account already") from None


# --8<-- [start:lock_user]
@click.command("lock-user")
@click.argument("email")
@with_appcontext
def lock_user(email: str) -> None:
    """Lock a user out, and end all rights of the user in the core, in one transaction."""
    core = get_services().core

    def work(session: Session) -> None:
        user = session.scalars(select(User).where(User.email == email.casefold())).one_or_none()
        if user is None:
            raise click.ClickException(f"no user has the address {email}")
        user.is_active = False
        session.flush()
        core.deactivate(str(user.id), connection=session.connection())

    get_services().transact(work)


# --8<-- [end:lock_user]
