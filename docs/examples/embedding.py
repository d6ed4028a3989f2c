"""The core in your own program: no server, with your own database and users.

Run it: ``python docs/examples/embedding.py [DATABASE_URL]``.
"""

from __future__ import annotations

import sys
from datetime import date

from sqlalchemy import create_engine, text

from stellary import Stellary
from stellary.contract.cards import CreateCard, ListCards, UpdateCard
from stellary.contract.columns import ListColumns
from stellary.contract.organizations import CreateOrganization
from stellary.contract.projects import CreateProject, Project
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef, Ref, WorkspaceRef, WorkspacesRef
from stellary.contract.workspaces import CreateWorkspace
from stellary.core import Core, Membership, UnitOfWork
from stellary.core.accounts import organizations, workspaces
from stellary.core.board import cards, columns, listing, projects


def main(database_url: str = "sqlite://") -> None:
    """Create a board in the database of the host, beside the host's own tables."""
    # --8<-- [start:core]
    engine = create_engine(database_url)  # the host's engine; a URL works as well
    core = Core(engine)
    core.migrate()
    # --8<-- [end:core]

    # --8<-- [start:user]
    actor = core.user(external_id="42", email="jane@example.com", name="Jane Doe")
    # --8<-- [end:user]

    # --8<-- [start:unit]
    def launch(uow: UnitOfWork) -> Project:
        organizations.create_organization(uow, Ref(), CreateOrganization(name="Acme", slug="acme"))
        workspaces.create_workspace(
            uow, WorkspacesRef("acme"), CreateWorkspace(name="Engineering", slug="eng")
        )
        return projects.create_project(uow, WorkspaceRef("acme", "eng"), CreateProject(name="Q1 Launch"))

    project = core.run(actor, launch)

    board = ProjectRef("acme", "eng", project.id)
    to_do, *_ = core.run(
        actor, lambda uow: columns.list_columns(uow, board, ListColumns()).items, read_only=True
    )
    # --8<-- [end:unit]

    # --8<-- [start:provision]
    member = core.provision("43", Membership("acme", "eng", role="admin"), email="john@example.com")
    core.deprovision("43", organization="acme", workspace="eng")
    # --8<-- [end:provision]
    # --8<-- [start:memberships]
    member = core.set_memberships("43", [Membership("globex", "ops"), Membership("globex", "sales")])
    # --8<-- [end:memberships]
    # --8<-- [start:deactivate]
    core.deactivate("43")
    core.reactivate("43")
    core.erase("43")
    # --8<-- [end:deactivate]
    assert member != actor

    # --8<-- [start:joined]
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY, card_id TEXT)"))
        request = CreateCard(title="Deliver order 7", due_date=date(2026, 4, 1))
        column = board.child(ColumnRef, to_do.id)
        card = core.run(actor, lambda uow: cards.create_card(uow, column, request), connection)
        connection.execute(text("INSERT INTO orders VALUES (7, :card_id)"), {"card_id": card.id})
    # --8<-- [end:joined]

    # --8<-- [start:joined_client]
    with engine.begin() as connection:
        client = Stellary.embedded(core.port(actor, connection))
        client.workspace("acme", "eng").project(project.id).cards.update(card, priority="high")
        connection.execute(
            text("UPDATE orders SET number = 8 WHERE card_id = :card_id"), {"card_id": card.id}
        )
    # --8<-- [end:joined_client]

    # --8<-- [start:block]
    with core.begin(actor) as uow:
        cards.update_card(uow, board.child(CardRef, card.id), UpdateCard(priority="high"))
    # --8<-- [end:block]

    with core.view(actor) as uow:
        assert [card.title for card in listing.list_cards(uow, board, ListCards()).items] == [
            "Deliver order 7"
        ]

    # --8<-- [start:client]
    client = Stellary.embedded(core.port(actor))
    for card in client.workspace("acme", "eng").project(project.id).cards.list():
        print(card.key, card.title, card.due_date)
    # --8<-- [end:client]
    core.close()
    engine.dispose()  # the core does not close the host's engine


if __name__ == "__main__":
    main(*sys.argv[1:])
