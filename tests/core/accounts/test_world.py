"""The helpers of ``World``, on which the other tests build."""


def test_member_has_access_to_the_workspace(world):
    ann, bob, cid = world.people("ann bob cid")
    place = world.workspace(ann)
    world.join(bob, place)
    labels = f"{place.path}/projects/{'a' * 24}/labels"
    answers = {who.user.name: world.call(who, "GET", labels).body for who in (ann, bob, cid)}
    assert b"Project not found" in answers["ann"]
    assert b"Project not found" in answers["bob"]
    assert b"Workspace not found" in answers["cid"]


def test_tokens_identify_the_caller(world):
    ann = world.person("ann")
    answers = [
        world.ask(who, "GET", "/auth/me")["user"]["email"]
        for who in (ann, world.bearer(ann), world.api_token(ann))
    ]
    assert answers == ["ann@example.com"] * 3
    assert world.status(None, "GET", "/auth/me") == 401


def test_a_home_is_its_owners(world):
    assert world.home(world.person("ann")).path == "/orgs/ann/workspaces/ann"


def test_a_project_has_columns_and_cards(world):
    ann = world.person("ann")
    project = world.project(ann, world.workspace(ann))
    card = world.card(ann, project, "Write the spec", column=1, priority="high")
    assert (card["columnId"], card["priority"]) == (project.column_ids[1], "high")
    assert [card["id"] for card in world.ask(ann, "GET", f"{project.path}/cards")] == [card["id"]]
