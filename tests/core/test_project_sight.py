"""Private projects: everybody sees exactly the projects of which the rule says so, in every list, feed and stream."""

import itertools
import random
import re
from concurrent.futures import ThreadPoolExecutor, wait

import orjson
import pytest
from sqlalchemy import insert

from stellary.contract.cards import UpdateCard
from stellary.contract.port import RawRequest
from stellary.contract.refs import CardRef
from stellary.core import NOBODY, Actor, DeliveryResult
from tests.support.core_parts import SERVICES, WebhookWorker, streams
from tests.support.statements import count_statements
from tests.support.tables import private_projects
from tests.support.world import World

NAMES = ("ann", "ben", "cat", "dan")
GUESTS = ("gil", "gus")
MARK = re.compile(rb"mark[0-9]+x")


class Office:
    """A workspace with an admin and members, whose projects are marked by their number."""

    def __init__(self, world):
        self.world = world
        self.boss = world.person("boss")
        self.workspace = world.workspace(self.boss)
        self.people = {name: world.person(name) for name in NAMES}
        for person in self.people.values():
            world.join(person, self.workspace)
        self.projects = {}
        self.private, self.guests = set(), set()
        self.members = {}
        # Who is an admin elsewhere, where somebody has a notification, sees no more here.
        for person in self.people.values():
            home = world.workspace(person)
            world.join(self.boss, home)
            world.card(person, world.project(person, home), assigneeId=self.boss.id)

    def ask(self, who, method, tail, body=None):
        return self.world.ask(who, method, f"{self.workspace.path}/{tail}", body)

    def add_guest(self, name):
        self.people[name] = self.world.person(name)
        self.world.join(self.people[name], self.workspace, role="guest")
        self.guests.add(name)

    def add(self, number, *, is_private, members):
        """Create a project with a card, a comment, a document and a deleted card, all of which have its mark."""
        mark = f"mark{number}x"
        visibility = "private" if is_private else "workspace"
        project = self.world.project(self.boss, self.workspace, f"P {mark}", visibility=visibility)
        for name in members:
            self.ask(self.boss, "POST", f"projects/{project.id}/members", {"email": self.people[name].email})
        card = self.world.card(self.boss, project, f"Card {mark}")
        path = f"projects/{project.id}/cards/{card['id']}"
        self.ask(self.boss, "POST", f"{path}/comments", {"content": f"Note {mark} @ann @ben @cat @dan @gil"})
        context = {"contextType": "project", "contextId": project.id}
        self.ask(self.boss, "POST", "documents", {"title": f"Plan {mark}", **context})
        deleted = self.world.card(self.boss, project, f"Gone {mark}")
        self.ask(self.boss, "DELETE", f"projects/{project.id}/cards/{deleted['id']}")
        self.projects[mark] = (project, card)
        self.members[mark] = set(members)
        if is_private:
            self.private.add(mark)
        return mark

    def add_rule(self, project, *actions):
        body = {
            "trigger": "task_moved",
            "actions": [{"type": type, "params": params} for type, params in actions],
        }
        return self.ask(self.boss, "POST", f"projects/{project.id}/automations", body)

    def seen_by(self, name):
        """Return the marks of the projects that a person sees."""
        if name == "boss":
            return set(self.projects)
        return {
            mark
            for mark in self.projects
            if name in self.members[mark] or (mark not in self.private and name not in self.guests)
        }

    def get(self, name, path):
        """Return the marks in an answer."""
        response = self.world.call(self.find(name), "GET", path)
        assert response.status == 200, response
        return {mark.decode() for mark in MARK.findall(response.body)}

    def find(self, name):
        return self.boss if name == "boss" else self.people[name]

    def open_stream(self, name, after="0", scopes=None):
        actor = Actor(self.find(name).id, scopes and frozenset(scopes))
        path = f"{self.workspace.path}/events"
        response = self.world.core.port(actor).stream(
            RawRequest("GET", path, f"lastEventId={after}" if after else "", {}, b"")
        )
        return response.blocks

    def stream(self, name):
        """Return the marks in the stream from its beginning."""
        blocks = self.open_stream(name)
        next(blocks)
        marks = {mark.decode() for mark in MARK.findall(next(blocks))}
        blocks.close()
        return marks


@pytest.fixture
def office(world):
    return Office(world)


@pytest.mark.slow("reads all lists of a workspace as several people")
@pytest.mark.parametrize("seed", range(3))
def test_everybody_sees_what_the_rule_says(office, seed):
    draw = random.Random(seed)
    names = (*NAMES, *GUESTS)
    for name in GUESTS:
        office.add_guest(name)
    for number in range(5):
        office.add(number, is_private=draw.random() < 0.6, members=draw.sample(names, draw.randint(0, 3)))
    office.ask(office.boss, "POST", "documents", {"title": "mark9x", "tags": []})
    for source, target in itertools.pairwise([card["id"] for _, card in office.projects.values()]):
        body = {"targetCardId": target, "type": "related_to"}
        office.ask(office.boss, "POST", f"cards/{source}/relations", body)
    workspace = office.workspace.path
    for name in ("boss", *names):
        seen = office.seen_by(name)
        # The document of the workspace.
        outside = {"mark9x"} - ({"mark9x"} if name in GUESTS else set())
        for list_path in (
            "projects",
            "projects/portfolio",
            "search?q=mark&limit=100",
            "search?q=mark&kind=comment&limit=100",
            "documents",
            "trash",
            "activity",
            "cards",
        ):
            if name in GUESTS and list_path == "projects/portfolio":
                continue
            shows_documents = list_path in ("documents", "activity") or list_path.endswith("mark&limit=100")
            expected = seen | outside if shows_documents else seen
            assert office.get(name, f"{workspace}/{list_path}") == expected, (name, list_path)
        assert office.get(name, "/cards") == seen, name
        assert office.stream(name) == seen | outside, name
        if name != "boss":
            assert office.get(name, "/notifications?limit=100") == seen, name
            count = office.world.ask(office.find(name), "GET", "/notifications/count")["count"]
            assert count == len(office.world.ask(office.find(name), "GET", "/notifications?limit=100"))
        for mark in office.projects:
            _check_project(office, name, mark, seen)


def _check_project(office, name, mark, seen):
    """Check what a person sees of one project."""
    project, card = office.projects[mark]
    project_path = f"{office.workspace.path}/projects/{project.id}"
    status = office.world.call(office.find(name), "GET", project_path).status
    assert (status == 200) == (mark in seen)
    if mark not in seen:
        return
    around = {mark} | _neighbours(mark) & seen
    assert office.get(name, f"{office.workspace.path}/cards/{card['id']}/relations") == around - {mark}
    assert office.get(name, f"{project_path}/activity?limit=100") == around
    assert office.get(name, f"{project_path}/export") == {mark}
    people = {member["userId"] for member in office.ask(office.find(name), "GET", "members")}
    fellows = {office.people[other].id for other_mark in seen for other in office.members[other_mark]}
    assert people == fellows | {office.boss.id} if name in GUESTS else fellows <= people


def test_stream_of_a_member_of_all_private_projects_shows_them(office):
    marks = {office.add(0, is_private=True, members=["ann"]), office.add(1, is_private=False, members=[])}
    assert office.stream("ann") == marks


@pytest.mark.parametrize("persona", ["creator", "demoted"])
def test_stream_ends_when_another_part_of_the_workspace_is_seen(office, persona):
    ann = office.people["ann"]
    if persona == "demoted":
        office.ask(office.boss, "PATCH", f"members/{ann.id}", {"role": "admin"})
    # With the scope, nothing in the stream is for admins alone.
    blocks = office.open_stream("ann", after="", scopes=["projects:read"])
    next(blocks)
    if persona == "demoted":
        office.ask(office.boss, "PATCH", f"members/{ann.id}", {"role": "member"})
    else:
        office.ask(ann, "POST", "projects", {"name": "Own", "visibility": "private"})
    assert streams.HEARTBEAT not in itertools.islice(blocks, 2)


@pytest.mark.slow("inserts more private projects than a statement may have parameters")
def test_any_number_of_projects_may_be_hidden(office):
    mark = office.add(0, is_private=False, members=[])
    hidden = [
        {"project_id": f"{number:024x}", "workspace_id": office.workspace.id} for number in range(66_000)
    ]
    with office.world.core.begin(NOBODY) as uow:
        uow.connection.execute(insert(private_projects), hidden)
    for path in ("projects", "search?q=mark", "trash"):
        assert office.get("ann", f"{office.workspace.path}/{path}") == {mark}, path
    assert office.stream("ann") == {mark}


def _neighbours(mark):
    number = int(mark[4:-1])
    return {f"mark{number - 1}x", f"mark{number + 1}x"}


def test_bound_token_reaches_only_its_projects(office):
    marks = [office.add(number, is_private=number == 2, members=["ann"]) for number in range(3)]
    office.ask(office.boss, "POST", "documents", {"title": "mark9x"})
    ids = [office.projects[mark][0].id for mark in marks[1:]]
    body = {"name": "bound", "projectIds": ids}
    bound = office.world.ask(office.people["ann"], "POST", "/api-tokens", body)
    assert bound["projectIds"] == sorted(ids)
    workspace, call = office.workspace.path, office.world.call

    def get(path):
        response = call(bound["token"], "GET", f"{workspace}/{path}")
        assert response.status == 200, response
        return {mark.decode() for mark in MARK.findall(response.body)}

    for path in ("projects", "projects/portfolio", "search?q=mark&limit=100", "documents", "trash"):
        assert get(path) == {*marks[1:]}, path
    unreached = f"{workspace}/projects/{office.projects[marks[0]][0].id}"
    assert call(bound["token"], "GET", unreached).status == 404
    documents = f"{workspace}/documents"
    place = {"contextType": "project", "contextId": ids[0], "title": "In"}
    inside = office.world.ask(bound["token"], "POST", documents, place)
    for method, path, body in (
        ("GET", "/auth/me", None),
        ("GET", "/notifications", None),
        ("GET", f"{workspace}/activity", None),
        ("GET", f"{workspace}/members", None),
        ("POST", f"{workspace}/projects", {"name": "New"}),
        ("POST", documents, {"title": "Outside"}),
        ("POST", documents, {"title": "Outside", "contextType": "workspace", "parentId": inside["id"]}),
    ):
        assert call(bound["token"], method, path, body).status == 403, path
    outside = office.ask(office.people["ann"], "POST", "documents", {"title": "Outside"})
    assert call(bound["token"], "POST", documents, {**place, "parentId": outside["id"]}).status == 400
    # Never more than the rights of the owner.
    office.ask(office.boss, "DELETE", f"projects/{ids[1]}/members/{office.people['ann'].id}")
    assert get("projects") == {marks[1]}
    unseen = {"name": "more", "projectIds": [*sorted(ids)[::-1], ids[0]]}
    refused = call(office.people["ann"], "POST", "/api-tokens", unseen)
    assert refused.status == 400
    field = f"projectIds[{unseen['projectIds'].index(ids[1])}]"
    assert [error["field"] for error in orjson.loads(refused.body)["details"]] == [field]


def test_bound_token_does_not_reach_deleted_projects_of_its_owner(office):
    marks = [office.add(number, is_private=False, members=["ann"]) for number in range(2)]
    here, other = (office.projects[mark][0].id for mark in marks)
    bound = office.world.ask(office.people["ann"], "POST", "/api-tokens", {"name": "x", "projectIds": [here]})
    office.ask(office.people["ann"], "DELETE", f"projects/{other}")
    workspace, call = office.workspace.path, office.world.call
    assert set(MARK.findall(call(bound["token"], "GET", f"{workspace}/trash").body)) == {marks[0].encode()}
    entry = office.ask(office.people["ann"], "GET", "trash?kind=project")[0]["id"]
    assert call(bound["token"], "POST", f"{workspace}/trash/{entry}/restore", {}).status == 404
    assert call(bound["token"], "DELETE", f"{workspace}/projects/{here}").status == 200
    entry = office.world.ask(bound["token"], "GET", f"{workspace}/trash?kind=project")[0]["id"]
    assert call(bound["token"], "POST", f"{workspace}/trash/{entry}/restore", {}).status == 200


def test_losing_sight_ends_assignments_notifications_and_streams(office):
    mark = office.add(0, is_private=False, members=["ann"])
    project, card = office.projects[mark]
    path = f"projects/{project.id}"
    for name in ("ben", "ann"):
        assigned = office.ask(
            office.boss, "PATCH", f"{path}/cards/{card['id']}", {"assigneeId": office.people[name].id}
        )
        assert assigned["assigneeId"] == office.people[name].id
    office.ask(office.boss, "PATCH", f"{path}/cards/{card['id']}", {"assigneeId": office.people["ben"].id})
    blocks = office.open_stream("ben", after="")
    next(blocks)
    assert office.get("ben", "/notifications") == {mark}
    office.ask(office.boss, "PATCH", path, {"visibility": "private"})
    assert MARK.findall(b"".join(blocks)) == []
    assert office.get("ben", "/notifications") == set()
    assert office.get("ann", "/notifications") == {mark}
    assert office.ask(office.boss, "GET", f"{path}/cards/{card['id']}")["assigneeId"] is None
    body = {"assigneeId": office.people["ben"].id}
    of_card = f"{office.workspace.path}/{path}/cards/{card['id']}"
    assert office.world.status(office.boss, "PATCH", of_card, body) == 400
    changes = office.ask(office.boss, "GET", f"{path}/activity?type=project_updated&limit=1")[0]["changes"]
    assert [(change["field"], change["to"]) for change in changes] == [("visibility", "private")]
    office.ask(office.boss, "DELETE", f"{path}/members/{office.people['ann'].id}")
    assert office.get("ann", "/notifications") == set()
    office.ask(office.boss, "PATCH", path, {"visibility": "workspace"})
    assert office.get("ben", f"{office.workspace.path}/projects") == {mark}


def test_only_admins_change_the_visibility(office):
    project = office.world.project(office.people["ann"], office.workspace, "Own", visibility="private")
    path = f"{office.workspace.path}/projects/{project.id}"
    body = {"visibility": "workspace"}
    assert office.world.call(office.people["ann"], "PATCH", path, body).status == 403
    assert office.world.call(office.people["ben"], "PATCH", path, body).status == 404
    assert office.world.call(office.boss, "PATCH", path, body).status == 200


def test_deleted_private_project_stays_private(office):
    mark = office.add(0, is_private=True, members=["ann", "ben"])
    project, _ = office.projects[mark]
    office.ask(office.people["ann"], "DELETE", f"projects/{project.id}")
    workspace = office.workspace.path
    for name, expected in {"boss": {mark}, "ann": {mark}, "ben": set(), "cat": set()}.items():
        assert office.get(name, f"{workspace}/trash") == expected, name
    entry = office.ask(office.people["ann"], "GET", "trash")[0]["id"]
    # What everybody may see ends the wait of a stream that has nothing else to send.
    office.ask(office.boss, "POST", "documents", {"title": "mark1x", "tags": []})
    for name in ("cat", "dan"):
        assert office.get(name, f"{workspace}/activity") == office.stream(name) == {"mark1x"}
    restore = f"{workspace}/trash/{entry}/restore"
    unknown = office.world.call(office.people["ben"], "POST", f"{workspace}/trash/{'f' * 24}/restore", {})
    refused = office.world.call(office.people["ben"], "POST", restore, {})
    assert refused.status == 404
    assert orjson.loads(refused.body)["message"] == orjson.loads(unknown.body)["message"]
    assert office.world.call(office.people["ann"], "POST", restore, {}).status == 200
    assert office.get("ben", f"{workspace}/projects") == {mark}
    assert office.get("cat", f"{workspace}/projects") == set()


def test_author_is_told_whom_a_mention_does_not_reach(office):
    project, _ = office.projects[office.add(0, is_private=True, members=["ann"])]
    activity = office.ask(office.boss, "GET", f"projects/{project.id}/activity?type=comment_added&limit=1")[0]
    assert activity["meta"]["mentioned"] == ["ann"]
    assert activity["meta"]["notReached"] == ["ben", "cat", "dan"]


@pytest.mark.postgres
@pytest.mark.parametrize("losing", ["removed", "private", "guest"])
def test_losing_sight_waits_for_an_assignment(postgres_core, losing):
    office = Office(World(postgres_core))
    mark = office.add(0, is_private=losing == "removed", members=["ann"] if losing == "removed" else [])
    project, card = office.projects[mark]
    path, ann = f"projects/{project.id}", office.people["ann"]
    change = ("DELETE", f"{path}/members/{ann.id}")
    if losing == "private":
        change = ("PATCH", path, {"visibility": "private"})
    elif losing == "guest":
        change = ("PATCH", f"members/{ann.id}", {"role": "guest"})
    ref = CardRef(office.workspace.organization.slug, office.workspace.slug, project.id, card["id"])
    with ThreadPoolExecutor(1) as executor:
        with postgres_core.begin(office.boss.actor) as uow:
            SERVICES["cards.update"].function(uow, ref, UpdateCard(assignee_id=ann.id))
            changing = executor.submit(office.ask, office.boss, *change)
            wait([changing], timeout=0.15)
        changing.result()
    assert office.ask(office.boss, "GET", f"{path}/cards/{card['id']}")["assigneeId"] is None


def test_recipients_of_many_activities_are_looked_up_together(office):
    project, _ = office.projects[office.add(0, is_private=True, members=["ann"])]
    counts = []
    for number in (2, 20):
        card = {"columnId": project.column_ids[0], "title": "x", "assigneeId": office.people["ann"].id}
        request = ("POST", f"projects/{project.id}/cards/bulk", {"cards": [card] * number})
        counts.append(count_statements(office.ask, office.boss, *request))
    assert counts[0] == counts[1]


def test_former_admin_no_longer_sees_private_projects(office):
    mark = office.add(0, is_private=True, members=[])
    cat = office.people["cat"]
    office.ask(office.boss, "PATCH", f"members/{cat.id}", {"role": "admin"})
    project, card = office.projects[mark]
    path = f"projects/{project.id}/cards/{card['id']}"
    office.ask(office.boss, "PATCH", path, {"assigneeId": cat.id})
    assert office.get("cat", "/notifications") == {mark}
    office.ask(office.boss, "PATCH", f"members/{cat.id}", {"role": "member"})
    assert office.get("cat", "/notifications") == set()
    assert office.ask(office.boss, "GET", path)["assigneeId"] is None


def test_imported_project_stays_private(office):
    mark = office.add(0, is_private=True, members=["ann"])
    project, _ = office.projects[mark]
    file = office.ask(office.boss, "GET", f"projects/{project.id}/export")
    copy = office.ask(office.boss, "POST", "projects/import", file)
    assert office.ask(office.boss, "GET", f"projects/{copy['id']}")["visibility"] == "private"
    assert len(office.ask(office.people["ann"], "GET", "projects")) == 2
    assert office.ask(office.people["ben"], "GET", "projects") == []


def test_rule_acts_with_the_role_that_its_owner_has_now(office):
    project, card = office.projects[office.add(0, is_private=False, members=["ann"])]
    ann, path = office.people["ann"], f"projects/{project.id}"
    rule = {"trigger": "task_assigned", "action": {"type": "set_status", "params": {"status": "done"}}}
    office.ask(ann, "POST", f"{path}/automations", {"name": "finish", **rule})
    for role, status in (("viewer", card["status"]), ("editor", "done")):
        office.ask(office.boss, "PATCH", f"{path}/members/{ann.id}", {"role": role})
        for assignee_id in (office.boss.id, None):
            body = {"assigneeId": assignee_id}
            changed = office.ask(office.boss, "PATCH", f"{path}/cards/{card['id']}", body)
            assert changed["status"] == status, role


def test_member_who_becomes_a_guest_loses_everything_else(office):
    seen, lost = office.add(0, is_private=False, members=["ann"]), office.add(1, is_private=False, members=[])
    ann = office.people["ann"]
    for mark in (seen, lost):
        project, card = office.projects[mark]
        office.ask(office.boss, "PATCH", f"projects/{project.id}/cards/{card['id']}", {"assigneeId": ann.id})
    blocks = office.open_stream("ann")
    assert MARK.findall(next(blocks) + next(blocks))
    changed = office.ask(office.boss, "PATCH", f"members/{ann.id}", {"role": "guest"})
    assert (changed["role"], changed["pilotageRole"]) == ("guest", "viewer")
    assert MARK.findall(b"".join(blocks)) == []
    office.guests.add("ann")
    for path in ("projects", "cards", "trash", "search?q=mark", "activity"):
        assert office.get("ann", f"{office.workspace.path}/{path}") == {seen}, path
    for path in ("/cards", "/notifications"):
        assert office.get("ann", path) == {seen}, path
    for mark, expected in ((seen, ann.id), (lost, None)):
        project, card = office.projects[mark]
        path = f"projects/{project.id}/cards/{card['id']}"
        assert office.ask(office.boss, "GET", path)["assigneeId"] == expected
        body = {"assigneeId": ann.id}
        status = office.world.call(office.boss, "PATCH", f"{office.workspace.path}/{path}", body).status
        assert status == (200 if expected else 400)
    blocks = office.open_stream("ann", after="")
    next(blocks)
    office.ask(office.boss, "PATCH", f"members/{ann.id}", {"role": "member"})
    assert streams.HEARTBEAT not in itertools.islice(blocks, 2)
    assert office.get("ann", f"{office.workspace.path}/projects") == {seen, lost}
    assert office.world.ask(ann, "GET", office.workspace.organization.path)["myRole"] == "member"


def test_agent_shows_only_projects_that_the_caller_sees(office):
    ids = {
        office.projects[office.add(number, is_private=True, members=["ann"][number:])][0].id
        for number in range(2)
    }
    path = f"agents/{office.ask(office.boss, 'POST', 'agents', {'name': 'Scribe', 'projectIds': sorted(ids)})['id']}"
    for name, count in (("boss", 2), ("ann", 1), ("ben", 0)):
        (listed,), single = (office.ask(office.find(name), "GET", place) for place in ("agents", path))
        assert listed["projectIds"] == single["projectIds"]
        assert len(single["projectIds"]) == count


@pytest.fixture
def rule_of_all(office):
    """A rule of the project mark2x that needs items of it, of no project (mark9x), and of mark1x, which becomes private."""
    office.add_guest("gil")
    vault, board = (
        office.projects[office.add(number, is_private=False, members=[name])]
        for number, name in ((1, "cat"), (2, "gil"))
    )
    place = {"contextType": "project", "contextId": board[0].id}
    wiki, moved, plan = (
        office.ask(office.boss, "POST", "documents", body)["id"]
        for body in ({"title": "mark9x"}, {"title": "M mark1x", **place}, {"title": "D mark2x", **place})
    )
    label = office.ask(office.boss, "POST", f"projects/{board[0].id}/labels", {"name": "L mark2x"})["id"]
    needed = [
        ("add_relation", {"targetCardId": vault[1]["id"], "type": "blocks"}),
        ("add_label", {"label": label}),
    ]
    needed += [("create_document", {"title": "x", "parentId": id}) for id in (wiki, moved, plan)]
    rule = office.add_rule(board[0], *needed)
    place["contextId"] = vault[0].id
    office.ask(office.boss, "POST", f"documents/{moved}/transfer", place)
    office.ask(office.boss, "PATCH", f"projects/{vault[0].id}", {"visibility": "private"})
    card = f"projects/{vault[0].id}/cards/{vault[1]['id']}"
    return board[0], rule, [card, f"labels/{label}", *(f"documents/{id}" for id in (wiki, moved, plan))]


SEEN = {"boss": {1, 2, 9}, "cat": {1, 2, 9}, "ann": {2, 9}, "gil": {2}}
"""The marks of what the readers of the rule see."""


def test_rule_names_only_items_that_its_reader_sees(office, rule_of_all):
    project, rule, items = rule_of_all
    path = f"{project.path}/automations"
    expected = {name: {f"mark{number}x" for number in numbers} for name, numbers in SEEN.items()}
    for deleted in (items, []):
        for place in (path, f"{path}/{rule['id']}"):
            assert {name: office.get(name, place) for name in SEEN} == expected
        (gils_rule,) = office.world.ask(office.people["gil"], "GET", path)
        names = {item["name"] for item in gils_rule["references"] if "mark" not in item["name"]}
        assert names == {"a hidden card", "a hidden document", "a hidden project"}
        for item in deleted:
            office.ask(office.boss, "DELETE", item)
    assert "a hidden card was deleted" in gils_rule["problem"]


def test_records_of_a_rule_name_only_items_of_its_project(office, rule_of_all):
    (project, rule, items), sent = rule_of_all, []
    office.world.core.env.webhook_sender = lambda request: sent.append(request) or DeliveryResult(200)
    hook = {"url": "https://hooks.example.com/x", "events": ["automation_updated"]}
    office.ask(office.boss, "POST", "webhooks", hook)
    for item in items:
        office.ask(office.boss, "DELETE", item)
    card = office.world.card(office.boss, project, "Mine")
    moved = {"columnId": project.column_ids[1]}
    office.world.ask(office.boss, "PATCH", f"{project.path}/cards/{card['id']}", moved)
    assert office.get("boss", f"{project.path}/automations/{rule['id']}/traces") == {"mark2x"}
    assert office.get("boss", f"{project.path}/activity?type=automation_updated") == set()
    assert office.stream("gil") == {"mark2x"}
    WebhookWorker(office.world.core.units, office.world.core.claims).run_due()
    assert len(sent) == len(items)
    assert MARK.findall(b"".join(request.body for request in sent)) == []


def test_failure_of_a_rule_names_no_item_of_a_hidden_project(office):
    (vault, card), (board, own_card) = (
        office.projects[office.add(number, is_private=number == 1, members=[])] for number in (1, 2)
    )
    manager = {"email": office.people["ann"].email, "role": "manager"}
    office.ask(office.boss, "POST", f"projects/{board.id}/members", manager)
    full = {"name": "Full mark1x", "wipLimit": 1}
    column = office.ask(office.boss, "POST", f"projects/{vault.id}/columns", full)["id"]
    office.ask(office.boss, "POST", f"projects/{vault.id}/columns/{column}/cards", {"title": "x"})
    rule = office.add_rule(board, ("move_card", {"cardId": card["id"], "targetColumn": column}))
    path, moved = f"projects/{board.id}", {"columnId": board.column_ids[1]}
    office.ask(office.boss, "PATCH", f"{path}/cards/{own_card['id']}", moved)
    error = "an action that needs a hidden item has failed: wip_limit"
    for name, problem in (("ann", error), ("boss", "the column 'Full mark1x' is full: it takes 1 cards")):
        (trace,) = office.ask(office.find(name), "GET", f"{path}/automations/{rule['id']}/traces")
        assert trace["error"] == error
        body = {"cardId": own_card["id"]}
        trial = office.ask(office.find(name), "POST", f"{path}/automations/{rule['id']}/test", body)
        assert trial["error"] == problem


def test_deletion_does_not_name_broken_rules_of_hidden_projects(office):
    (vault, _), (_, card) = (
        office.projects[office.add(number, is_private=not number, members=[])] for number in range(2)
    )
    office.add_rule(vault, ("add_relation", {"targetCardId": card["id"], "type": "blocks"}))
    path = f"projects/{card['projectId']}/cards/{card['id']}"
    assert office.ask(office.people["ann"], "DELETE", path)["brokenAutomations"] == []
    assert office.ask(office.boss, "GET", f"projects/{vault.id}/automations")[0]["broken"]
