"""The trash, the flow and the time of a project, with both clients."""

import pytest

from tests.support.colours import COLOURS, resolve


@pytest.mark.parametrize("colour", COLOURS)
async def test_project_has_a_trash_a_flow_and_time(core, colour):
    client = colour.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    await resolve(client.organizations.create(name="Acme", slug="acme"))
    await resolve(client.organization("acme").workspaces.create(name="Eng", slug="eng"))
    workspace = client.workspace("acme", "eng")
    boards = []
    for name in ("One", "Two"):
        board = workspace.project(await resolve(workspace.projects.create(name=name)))
        column = (await resolve(board.columns.list()))[0]
        card = await resolve(board.column(column).cards.create(title=f"Card of {name}"))
        await resolve(board.cards.delete(card))
        boards.append(board)
    one, two = boards
    (item,) = await resolve(one.trash.list(kind="card"))
    assert item.name == "Card of One"
    assert [item.name for item in await resolve(two.trash.iterate())] == ["Card of Two"]
    await resolve(one.trash.restore(item))
    assert list(await resolve(one.trash.list(limit=1))) == []
    flow = await resolve(one.flow())
    assert [(column.name, column.counts[-1]) for column in flow.columns] == [("To Do", 1)]
    time = one.card(item.item_id).time_entries
    await resolve(time.create(minutes=30))
    assert (await resolve(time.total())).own_minutes == 30
    assert (await resolve(one.time_entries.export())).count("\r\n") == 2
    assert [entry.minutes for entry in await resolve(one.time_entries.iterate())] == [30]
    (other,) = await resolve(two.trash.list())
    await resolve(two.trash.delete(other))
    assert list(await resolve(two.trash.list())) == []
