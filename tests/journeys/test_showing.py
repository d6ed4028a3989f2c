"""show() of each handle on a real workspace, on both databases."""

from datetime import date

import pytest

from stellary import Stellary
from stellary.client.display import view
from stellary.client.methods.projects import ProjectHandle
from stellary.client.project_setup import apply, plan
from stellary.contract.checklists import AddChecklistItem
from tests.client.display.parsed import parse_view

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(client: Stellary) -> ProjectHandle:
    """Create a project with two scopes; the board of one has a card with every kind of content."""
    ws = client.workspace("acme", "eng")
    project = ws.project(ws.projects.create(name="Q1 Launch", key="LAU"))
    todo, _, done = project.columns.list()
    label = project.labels.create(name="customer waits", color="#ef4444")
    field = project.custom_fields.create(name="Severity", type="text")
    me = client.auth.me().user.id
    card = project.column(todo).cards.create(
        title="Write the spec",
        description="All of it.",
        label_ids=[label.id],
        custom_fields={field.id: "critical"},
        assignee_id=me,
        due_date=date(2030, 4, 1),
        checklist=[AddChecklistItem(title="Ask")],
    )
    project.card(card).comments.create(content="Well.")
    project.card(card).attachments.upload(b"log", name="worker.log")
    other = project.column(done).cards.create(title="Plan")
    project.card(card).relations.create(target_card_id=other.id, type="blocks")
    project.scopes.create(name="Beta")
    return project


def test_project_shows_each_of_its_views(project: ProjectHandle, capsys: Capture):
    for view_name, expected in {
        None: "Write the spec",
        "kanban": "Write the spec",
        "list": "Assignee",
        "calendar": "Mon  1 Apr  LAU-1",
        "roadmap": "Main",
        "stats": "By label",
        "flow": "Lead time",
    }.items():
        project.show(view_name)
        assert expected in capsys.readouterr().out, view_name


def test_scope_shows_its_active_view(project: ProjectHandle, capsys: Capture):
    main, beta = project.scopes.list()
    project.scope(main).set_view(active_view="stats")
    project.scope(main).show()
    assert "By column" in capsys.readouterr().out
    project.scope(main).show("kanban")
    out = capsys.readouterr().out
    assert "customer waits" in out
    assert "Beta" not in out
    project.scope(main).show("flow")
    assert "Lead time" in capsys.readouterr().out
    project.scope(beta).show("list")
    assert "No cards." in capsys.readouterr().out


def test_scope_of_a_workspace_handle_shows(client: Stellary, project: ProjectHandle, capsys: Capture):
    (main, _) = project.scopes.list()
    client.workspace("acme", "eng").scopes(main).show()
    assert "Write the spec" in capsys.readouterr().out


def test_column_shows_its_cards(project: ProjectHandle, capsys: Capture):
    project.column(project.columns.list()[0]).show()
    out = capsys.readouterr().out
    assert "Write the spec" in out
    assert "Plan" not in out


def test_card_shows_all_its_details(project: ProjectHandle, capsys: Capture):
    card = project.cards.list()[0]
    project.card(card).show()
    out = capsys.readouterr().out
    expected = (
        *("customer waits", "Severity", "critical", "jane", "☐ Ask", "blocks LAU-2 Plan", "worker.log"),
        *("Well.", "To Do"),
    )
    for text in expected:
        assert text in out, text
    with pytest.raises(ValueError, match="CardHandle has no views"):
        project.card(card).show("kanban")


def test_card_without_details_sends_few_requests(client: Stellary, project: ProjectHandle):
    with client.capture() as calls:
        project.card(project.cards.list()[1]).show()
    assert len(calls) == 4


def test_workspace_and_pilotage_show(client: Stellary, project: ProjectHandle, capsys: Capture):
    ws = client.workspace("acme", "eng")
    ws.pilotage.create_mission(objective="Launch")
    ws.pilotage.show()
    assert "to launch Launch" in capsys.readouterr().out
    ws.show()
    out = capsys.readouterr().out
    assert out.startswith("Engineering: projects")
    assert "Q1 Launch" in out


def test_plan_of_a_declared_project_shows(client: Stellary, project: ProjectHandle):
    labels = [{"name": "customer waits", "color": "#000000"}, {"name": "<b>new</b>", "color": "#ffffff"}]
    setup_plan = plan(
        client.workspace("acme", "eng"), {"project": {"name": "Q1 Launch", "key": "LAU"}, "labels": labels}
    )
    root = parse_view(view(setup_plan).html())
    assert root.one("h3").text == "Plan for Q1 Launch"
    assert root.texts("td")[:4] == ["update", "label", "customer waits", "color: #ef4444 → #000000"]
    assert root.texts("td")[4:] == ["create", "label", "<b>new</b>", "color: #ffffff"]
    apply(setup_plan)
    done = view(plan(project, {"project": {"name": "Q1 Launch"}, "labels": labels}))
    assert done.text(60).splitlines()[-1] == "Everything is as it is declared."
