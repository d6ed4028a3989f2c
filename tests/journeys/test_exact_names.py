"""Every place where a name can stand refuses a misspelt one, suggests the right one, and changes nothing.

To add a place, add a line to the table of its kind: ``?`` stands for the name.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stellary import Stellary, UnsuitableDeclaration
from stellary.client import project_setup as ps
from stellary.client.importers import read_github_issues, read_trello
from stellary.contract.errors import ApiError
from stellary.core import Core
from tests.cli.conftest import Shell
from tests.core.agents.agent_api import AgentApi
from tests.server.running import WITHOUT_JOBS, running
from tests.support.core_parts import actions
from tests.support.each_case import Failures
from tests.support.mcp import call
from tests.support.world import World

IMPORTERS = Path(__file__).parents[1] / "client" / "importers"
NAMES = {
    "workspace": "Client A",
    "project": "Launch",
    "scope": "Sprint 11",
    "column": "Done",
    "card": "Write the spec",
    "step": "Ask Bob",
    "label": "v1.2",
    "field": "Size",
    "person": "Anna Berg",
    "agent": "Scribe",
    "document": "Spec v2",
    "trashed": "Old news",
    "login": "janedoe",
    "list": "Doing",
    "octocat": "octocat",
}


def misspell(name: str) -> list[str]:
    """Return texts that differ from a name by one or two letters."""
    middle, last = len(name) // 2, chr(ord(name[-1]) + 1)
    once = [
        *(name[:-1] + last, name[:-1], name + "s", name[:middle] + "x" + name[middle:]),
        *(name[:middle] + name[middle + 1 :], name[1] + name[0] + name[2:]),
    ]
    return [*once, "Un" + name.lower(), "x" + once[4], once[3][:-1] + last]


class Site(AgentApi):
    """A server with an item of each kind, and ways to use the name of one. Each returns the text of the refusal."""

    def __init__(self, core: Core, server: Any, directory: Path) -> None:
        world = World(core)
        super().__init__(world, world.person("ann"))
        self.core, self.server = core, server
        self.token, self.shell = world.bearer(self.owner), Shell(server.url, directory / "none.json")
        self.workspaces = {"workspace": f"{self.workspace.organization.slug}/{self.workspace.slug}"}
        anna = world.person("anna")
        self.join(anna)
        world.ask(anna, "PATCH", "/auth/me", {"name": NAMES["person"]})
        world.ask(self.owner, "PATCH", self.flat, {"name": NAMES["workspace"]})
        (scope,) = world.ask(self.owner, "GET", f"{self.path}/scopes")
        world.ask(self.owner, "PATCH", f"{self.path}/scopes/{scope['id']}", {"name": NAMES["scope"]})
        field = {"name": NAMES["field"], "type": "number"}
        world.ask(self.owner, "POST", f"{self.path}/custom-fields", field)
        self.label(NAMES["label"])
        world.ask(self.owner, "POST", f"{self.flat}/documents", {"title": NAMES["document"]})
        self.scribe = self.agent()
        self.at_hand = self.card("Other", checklist=[{"title": NAMES["step"]}])
        self.card(NAMES["card"])
        world.ask(self.owner, "DELETE", self.of(self.card(NAMES["trashed"])))
        world.core.work.run_due()

    def read_all(self) -> bytes:
        """Return everything that a place could change, without the missions themselves."""
        paths = [
            f"{self.path}/{name}" for name in ("board", "automations", "labels", "activity", "custom-fields")
        ]
        paths += [f"{self.flat}/{name}" for name in ("documents", "trash", "proposals", "projects")]
        return b"".join(self.world.call(self.owner, "GET", path).body for path in paths)

    def act(self, action: str, **params: Any) -> str:
        with pytest.raises(ApiError) as caught, self.core.begin(self.owner.actor) as uow:
            actions.run(uow, self.workspace.ref, action, params)
        assert caught.value.status == 400
        return caught.value.message

    def call_tool(self, tool: str, **params: Any) -> str:
        outcome = call(self.server, self.token, tool, **self.workspaces | params)
        assert outcome.status == 400
        return outcome.texts[0]

    def save_rule(self, **parts: Any) -> str:
        body = {"trigger": "task_moved", "action": {"type": "archive_card", "params": {}}, **parts}
        answer = self.world.call(self.owner, "POST", f"{self.path}/automations", body)
        assert answer.status == 400
        return answer.body.decode()

    def save_condition(self, field: str, value: Any = "x", op: str = "eq") -> str:
        return self.save_rule(conditions={"all": [{"field": field, "op": op, "value": value}]})

    def save_action(self, action: str, **params: Any) -> str:
        return self.save_rule(action={"type": action, "params": params})

    def instruct(self, prompt: str) -> str:
        mission = self.run_mission(self.mission(self.scribe, prompt, self.at_hand))
        assert mission["status"] == "failed"
        return mission["error"]

    def type(self, *words: str) -> str:
        org, workspace = self.workspaces["workspace"].split("/")
        place = {
            "STELLARY_ORG": org,
            "STELLARY_WORKSPACE": workspace,
            "STELLARY_PROJECT": self.project["key"],
        }
        return self.shell.error(*words, **place, STELLARY_TOKEN=self.token)

    def declare(self, **items: Any) -> str:
        with Stellary(self.shell.url, self.token) as client:
            workspace = client.workspace(self.workspace.organization.slug, self.workspace.slug)
            with pytest.raises(UnsuitableDeclaration) as caught:
                ps.plan(workspace, ps.Declaration(ps.Project(NAMES["project"]), **items))
        return str(caught.value)

    def import_trello(self, **names: Any) -> str:
        return str(read_trello(IMPORTERS / "trello_board.json", **names).left_out)

    def import_github(self, **names: Any) -> str:
        return str(read_github_issues(IMPORTERS / "github_issues.json", **names).left_out)


Place = Callable[[Site, str], str]
PLACES: dict[str, list[Place]] = {
    "workspace": [
        lambda site, name: site.call_tool("create_card", workspace=name, projectId="Launch", title="x")
    ],
    "project": [
        lambda site, name: site.act("create_card", projectId=name, title="x"),
        lambda site, name: site.call_tool("create_card", projectId=name, title="x"),
        lambda site, name: site.save_action("create_card", projectId=name, title="x"),
        lambda site, name: site.type("use", "--project", name),
    ],
    "scope": [
        lambda site, name: site.save_condition("scopeId", name),
        lambda site, name: site.type("card", "add", "x", "--scope", name),
        lambda site, name: site.declare(cards=[ps.Card("x", scope=name)]),
    ],
    "column": [
        lambda site, name: site.act("move_card", cardId="Other", targetColumn=name),
        lambda site, name: site.call_tool("move_card", cardId="Other", targetColumn=name),
        lambda site, name: site.act("split_card", cardId="Other", titles=["x"], column=name),
        lambda site, name: site.call_tool("create_card", projectId="Launch", title="x", column=name),
        lambda site, name: site.call_tool(
            "create_cards_bulk", projectId="Launch", cards=[{"title": "x", "column": name}]
        ),
        lambda site, name: site.save_condition("toColumnId", name),
        lambda site, name: site.save_condition("toColumn", name),
        lambda site, name: site.save_action("move_card", targetColumn=name),
        lambda site, name: site.instruct(f'move to "{name}"'),
        lambda site, name: site.type("card", "move", "Other", name),
        lambda site, name: site.type("card", "add", "x", "--column", name),
        lambda site, name: site.declare(cards=[ps.Card("x", column=name)]),
    ],
    "card": [
        lambda site, name: site.act("archive_card", cardId=name),
        lambda site, name: site.call_tool("add_comment", cardId=name, content="x"),
        lambda site, name: site.act("add_relation", cardId="Other", targetCardId=name, type="blocks"),
        lambda site, name: site.save_action("add_relation", targetCardId=name, type="blocks"),
        lambda site, name: site.type("card", "done", name),
        lambda site, name: site.type("undo", name),
        lambda site, name: site.declare(cards=[ps.Card("x", blocks=[name]), ps.Card(NAMES["card"])]),
    ],
    "step": [
        lambda site, name: site.act("toggle_checklist_item", cardId="Other", itemId=name),
        lambda site, name: site.instruct(f'check off "{name}"'),
    ],
    "label": [
        lambda site, name: site.act("add_label", cardId="Other", label=name),
        lambda site, name: site.save_condition("labelIds", name, "contains"),
        lambda site, name: site.save_action("add_label", label=name),
        lambda site, name: site.instruct(f'add label "{name}"'),
        lambda site, name: site.type("card", "edit", "Other", "--add-label", name),
        lambda site, name: site.declare(cards=[ps.Card("x", labels=[name])]),
    ],
    "field": [
        lambda site, name: site.save_condition(f"customFields.{name}", 3),
        lambda site, name: site.declare(cards=[ps.Card("x", fields={name: 3})]),
    ],
    "person": [
        lambda site, name: site.act("assign_card", cardId="Other", assigneeId=name),
        lambda site, name: site.call_tool("assign_card", cardId="Other", assigneeId=name),
        lambda site, name: site.act("notify", cardId="Other", to=[name], message="x"),
        lambda site, name: site.save_condition("assigneeId", name),
        lambda site, name: site.save_action("assign_card", assigneeId=name),
        lambda site, name: site.instruct(f'assign to "{name}"'),
        lambda site, name: site.type("card", "edit", "Other", "--assignee", name),
        lambda site, name: site.declare(cards=[ps.Card("x", assignee=name)]),
    ],
    "agent": [
        lambda site, name: site.act("run_mission", cardId="Other", agent=name, prompt="x"),
        lambda site, name: site.act("assign_card", cardId="Other", assigneeId=name),
    ],
    "document": [
        lambda site, name: site.act("update_document", documentId=name, content="x"),
        lambda site, name: site.call_tool("update_document", documentId=name, content="x"),
        lambda site, name: site.save_action("update_document", documentId=name, content="x"),
    ],
    "trashed": [lambda site, name: site.type("trash", "restore", name)],
    "login": [lambda site, name: site.import_trello(people={name: "jane@example.com"})],
    "list": [lambda site, name: site.import_trello(statuses={name: "done"})],
    "octocat": [lambda site, name: site.import_github(people={name: "jane@example.com"})],
}


@pytest.fixture
def site(core: Core, tmp_path: Path) -> Iterator[Site]:
    with running(core, WITHOUT_JOBS) as server:
        yield Site(core, server, tmp_path)


@pytest.mark.slow("misspells each name in each place")
@pytest.mark.parametrize("kind", PLACES)
def test_misspelt_names_are_refused_with_the_right_one(site: Site, kind: str):
    before, failures, name = site.read_all(), Failures(), NAMES[kind]
    for number, use in enumerate(PLACES[kind]):
        for text in misspell(name):
            with failures.collect(f"{number} {text}"):
                assert name in use(site, text)
    assert site.read_all() == before
    failures.raise_if_any(len(PLACES[kind]))
