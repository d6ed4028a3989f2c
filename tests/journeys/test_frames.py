"""Boards become frames of pandas and polars, and frames become boards."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stellary import AsyncStellary, Invalid, PreconditionFailed, Stellary
from stellary.client import to_frame
from stellary.client.methods.projects import ProjectHandle
from stellary.client.testing import make
from stellary.contract.cards import Card, CardInColumn
from stellary.contract.endpoints import ENDPOINTS
from stellary.contract.wire import Value, read
from stellary.core import Core
from tests.journeys.test_examples import EXAMPLES, load_module
from tests.support.colours import create_workspace
from tests.support.each_case import for_each

WHEN = datetime(2027, 4, 1, tzinfo=UTC)
FIELDS: dict[str, tuple[str, list[str], Any]] = {
    "effort": ("number", [], 3),
    "status": ("select", ["new", "old"], "old"),  # also the name of a field of cards
    "dueDate": ("boolean", [], True),  # the same on the wire
    "day": ("date", [], "2027-04-01"),
    "places": ("multi-select", ["a", "b"], ["a"]),
}
each_backend = pytest.mark.parametrize("backend", ["pandas", "polars"])


@pytest.fixture
def core(sqlite_core: Core) -> Core:
    return sqlite_core


@pytest.fixture
def client(core: Core) -> Stellary:
    client = Stellary.embedded(
        core.port(core.user(external_id="jane", email="jane@example.com", name="Jane"))
    )
    create_workspace(client)
    return client


@pytest.fixture
def board(client: Stellary) -> ProjectHandle:
    """Return a project with a full card and an empty one."""
    ws = client.workspace("acme", "eng")
    board = ws.project(ws.projects.create(name="Q1 Launch", key="LAU"))
    todo, doing, _ = board.columns.list()
    values = {}
    for name, (kind, options, value) in FIELDS.items():
        field = board.custom_fields.create(name=name, type=kind, **({"options": options} if options else {}))
        values[field.id] = value
    board.cards.create(
        todo,
        title="Plan",
        priority="high",
        due_date=date(2027, 4, 1),
        estimate=2.5,
        label_ids=[board.labels.create(name="bug"), board.labels.create(name="ui")],
        assignee_id=client.auth.me().user,
        custom_fields=values,
    )
    board.card("LAU-1").checklist.add(title="Ask")
    board.cards.create(doing, title="Build")
    return board


def rows(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a frame without missing values."""
    records = frame.to_dicts() if isinstance(frame, pl.DataFrame) else frame.to_dict("records")
    missing = (None, pd.NaT)
    return [
        {name: cell for name, cell in row.items() if cell not in missing and cell == cell} for row in records
    ]


@each_backend
def test_frame_of_cards_has_names_dates_categories_and_custom_fields(board, client, backend):
    with client.capture() as calls:
        frame = board.cards.frame(backend=backend)
    assert [call.operation for call in calls] == [
        "cards.list", "columns.list", "labels.list", "scopes.list", "workspaces.list_members", "custom_fields.list",
    ]  # fmt: skip
    plan, build = rows(frame)
    expected = {
        "key": "LAU-1", "column": "To Do", "scope": "Main", "assignee": "Jane", "created_by": "Jane", "labels": ["bug", "ui"],
        "status": "open", "priority": "high", "order": 0, "due_date": WHEN, "estimate": 2.5, "checklist_progress.total": 1,
        "effort": 3, "custom_fields.status": "old", "custom_fields.dueDate": True, "day": WHEN, "places": ["a"],
    }  # fmt: skip
    assert {name: plan[name] for name in expected} == expected
    assert [step["title"] for step in plan["checklist"]] == ["Ask"]
    assert build.keys() & {"assignee", "due_date", "priority", "effort", "custom_fields.dueDate"} == set()
    columns = [*frame.columns]
    assert columns[columns.index("column_id") + 1] == "column"
    if backend == "pandas":
        assert {str(frame[name].dtype) for name in ("due_date", "completed_at", "day")} == {
            "datetime64[us, UTC]"
        }
        assert frame["custom_fields.dueDate"].dtype == "boolean"
        assert [*frame["priority"].cat.categories] == ["low", "medium", "high"]
        assert [*frame["column"].cat.categories] == [column.name for column in board.columns.list()]
    else:
        assert frame.schema["due_date"] == frame.schema["day"] == pl.Datetime("us", "UTC")
        assert frame.schema["priority"] == pl.Enum(["low", "medium", "high"])
        assert frame.schema["labels"] == pl.List(pl.String)


@each_backend
def test_unedited_frame_changes_nothing(board: ProjectHandle, client: Stellary, backend):
    frame = board.cards.frame(backend=backend)
    for nan in ("omit", "clear"):
        with client.capture() as calls:
            assert board.cards.update_all(frame, nan=nan) == []
        assert {call.operation.partition(".")[2] for call in calls} == {"list", "list_members"}


def test_edited_frame_changes_what_was_edited(board: ProjectHandle):
    done = board.columns.list()[2]
    frame = board.cards.frame(backend="pandas")
    edits = {"title": "Built", "column_id": done.id, "column": done.name, "priority": "low"}
    edits |= {"effort": 2.5, "estimate": 0.25}
    frame.loc[1, [*edits]] = [*edits.values()]
    frame.at[1, "labels"], frame.at[1, "label_ids"] = ["ui"], [frame.label_ids[0][1]]
    frame.loc[0, "due_date"] = pd.NaT
    (built,) = board.cards.update_all(frame)
    edited = {name: getattr(built, name) for name in ("title", "column_id", "priority", "estimate")}
    assert edited.items() <= edits.items()
    assert built.label_ids == frame.label_ids[1]
    assert built.custom_fields == {board.custom_fields.list()[0].id: 2.5}
    assert board.cards.get("LAU-1").due_date is not None
    (plan,) = board.cards.update_all(board.cards.frame().assign(due_date=pd.NaT), nan="clear")
    assert (plan.key, plan.due_date, plan.title) == ("LAU-1", None, "Plan")
    lazy = (
        board.cards.frame(backend="polars").lazy().with_columns(title=pl.col("title") + "!", start_date=WHEN)
    )
    updated = [(card.title, card.start_date) for card in board.cards.update_all(lazy)]
    assert updated == [("Plan!", WHEN), ("Built!", WHEN)]


def test_moves_of_others_are_kept(board: ProjectHandle):
    todo = board.columns.list()[0]
    cards = board.cards.create_all([CardInColumn(column_id=todo.id, title=title) for title in "ABCD"])

    def list_titles() -> str:
        cards = [card for card in board.cards.list(column_id=todo) if len(card.title) == 1]
        return "".join(card.title for card in sorted(cards, key=lambda card: card.order))

    frame = board.cards.frame()
    board.cards.update(board.cards.create(todo, title="U"), order=0)
    frame.loc[frame["title"] == "D", "priority"] = "high"
    assert [card.title for card in board.cards.update_all(frame)] == ["D"]
    assert list_titles() == "UABCD"
    # Another order in the frame is a move, whatever the others have become.
    frame = board.cards.frame()
    board.cards.update(board.cards.create(todo, title="V"), order=0)
    frame.loc[frame["title"] == "D", "order"] = 0
    assert [card.id for card in board.cards.update_all(frame)] == [cards[3].id]
    assert list_titles() == "DVUABC"
    swapped = board.cards.frame()
    both = swapped["title"].isin(["A", "B"])
    swapped.loc[both, "order"] = swapped.loc[both, "order"].to_numpy()[::-1]
    assert len(board.cards.update_all(swapped)) == 1
    assert list_titles() == "DVUBAC"


def test_stale_rows_and_rows_that_contradict_themselves_are_refused(board: ProjectHandle):
    frame = board.cards.frame()
    frame["title"] = ["Planned", "Build"]
    board.cards.update("LAU-1", description="by another person")
    with pytest.raises(PreconditionFailed, match="LAU-1 changed since the frame was made"):
        board.cards.update_all(frame)
    moved = board.cards.frame().astype({"column": str})
    moved.loc[0, "column"] = "Done"
    with pytest.raises(Invalid, match=r"cards\[0\].column is 'Done', but column_id is that of 'To Do'"):
        board.cards.update_all(moved)
    assert [card.key for card in board.cards.update_all(moved.drop(columns="column_id"))] == ["LAU-1"]
    assert board.cards.get("LAU-1").title == "Plan"
    with pytest.raises(Invalid, match=r"cards\[1\].id is no card of this project"):
        board.cards.update_all(board.cards.frame().assign(id=[moved.id[0], "0" * 24]))
    with pytest.raises(Invalid, match=r"cards\[0\].number cannot be written"):
        board.cards.update_all(board.cards.frame().assign(number=7))
    updated = board.cards.update_all(frame.drop(columns="version"))
    assert [card.title for card in updated] == ["Planned", "Build"]


@each_backend
def test_frame_creates_the_cards_of_another_board(board: ProjectHandle, client: Stellary, backend):
    ws = client.workspace("acme", "eng")
    copy = ws.project(ws.projects.create(name="Copy", key="COPY"))
    frame = board.cards.frame(backend=backend)
    ids = ["column_id", "label_ids", "scope_id"]
    frame = frame.drop(columns=ids) if backend == "pandas" else frame.drop(ids)
    with pytest.raises(Invalid, match="effort is not a field of a card"):
        copy.cards.create_all(frame)
    for name, (kind, options, _) in FIELDS.items():
        copy.custom_fields.create(name=name, type=kind, **({"options": options} if options else {}))
    with pytest.raises(Invalid, match=r"cards\[0\].labels 'bug' is no label here"):
        copy.cards.create_all(frame)
    copy.labels.create(name="bug")
    copy.labels.create(name="ui")
    plan, build = copy.cards.create_all(frame)
    same = ["title", "column", "priority", "due_date", "assignee", "labels", "effort", "day", "places"]
    copied = rows(copy.cards.frame(backend=backend))
    assert [{name: row.get(name) for name in same} for row in copied] == [
        {name: row.get(name) for name in same} for row in rows(frame)
    ]
    assert [step.title for step in plan.checklist] == ["Ask"]
    assert build.key == "COPY-2"


@for_each(
    "row, expected",
    [
        ({"dueDate": WHEN}, {"due_date": WHEN}),
        ({"due_date": pd.Timestamp(WHEN), "priority": np.str_("low")}, {"due_date": WHEN, "priority": "low"}),
        (
            {"due_date": pd.NaT, "priority": float("nan"), "assignee": pd.NA},
            {"due_date": None, "priority": None},
        ),
        ({"checklist": [{"title": "Ask"}], "label_ids": np.array([], dtype=object)}, {"label_ids": []}),
        ({"custom_fields": {}, "start_date": date(2027, 4, 1)}, {"start_date": WHEN}),
    ],
)
def test_dicts_have_names_of_python_or_of_the_api(board: ProjectHandle, row, expected):
    (card,) = board.cards.create_all([{"title": "New", "column": "To Do", **row}])
    assert {name: getattr(card, name) for name in expected} == expected


@for_each(
    "row, problem",
    [
        ({"prioritty": "low"}, "prioritty is not a field of a card; did you mean 'priority'?"),
        ({"due_date.x": "low"}, "due_date.x is not a field of a card"),
        ({"column": "Dnoe"}, "cards[1].column 'Dnoe' is no column here; did you mean 'Done'?"),
        ({"column": None}, "cards[1].column_id is required"),
        ({"labels": "bug"}, "cards[1].labels must be a list of names, not 'bug'"),
        ({"due_date": pd.Timestamp("2027-04-01")}, "(cards[1].dueDate) must have a time zone"),
        ({"archived": True}, "cards[1].archived must not be true"),
        ({"priority": "urgent"}, "cards[1].priority"),
    ],
)
def test_unsuitable_rows_are_refused(board: ProjectHandle, row, problem):
    good = {"title": "New", "column": "To Do"}
    with pytest.raises(Invalid) as refused:
        board.cards.create_all(
            [CardInColumn(title="New", column_id=board.columns.list()[0].id), {**good, **row}]
        )
    assert problem in str(refused.value)
    assert len(board.cards.list()) == 2


def test_name_of_two_items_is_refused(board: ProjectHandle):
    scope = board.scopes.create(name="Later")
    board.columns.create(name="To Do", scope_id=scope.id)
    with pytest.raises(Invalid, match=r"cards\[0\].column is the name of 3 items: use column_id"):
        board.cards.create_all([{"title": "New", "column": "To Do"}])
    assert scope.name in [*board.columns.frame()["scope"]]
    with pytest.raises(TypeError, match="row 0 is int"):
        board.cards.create_all([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="nan must be 'omit' or 'clear'"):
        board.cards.create_all([], nan="skip")  # type: ignore[call-overload]


def test_errors_of_later_batches_name_the_row_of_the_frame(board: ProjectHandle):
    board.cards.create_all([{"title": f"Card {number}", "column": "To Do"} for number in range(128)])
    frame = board.cards.frame().assign(description="changed")
    frame.loc[0, "description"] = None
    frame.loc[120, "title"] = ""
    with pytest.raises(Invalid, match=r"cards\[120\].title") as refused:
        board.cards.update_all(frame)
    assert "100 of 129 cards were updated before that (error.created)" in refused.value.__notes__
    assert len(refused.value.created) == 100


async def test_async_handles_make_and_take_frames(board: ProjectHandle, core: Core):
    client = AsyncStellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    cards = client.workspace("acme", "eng").project(board.get().id).cards
    frame = await cards.frame()
    assert [*frame["column"]] == ["To Do", "In Progress"]
    assert [*(await (await cards.list(limit=1)).frame())["key"]] == ["LAU-1"]
    (card,) = await cards.update_all(frame.assign(priority="high"))
    assert card.priority == "high"


@each_backend
def test_lists_without_a_project_and_lists_of_values_become_frames(board, client, backend):
    ws = client.workspace("acme", "eng")
    (launch,) = rows(ws.projects.portfolio().frame(backend=backend))
    facts = launch["name"], launch["by_status.open"], launch["members"][0]["name"]
    assert facts == ("Q1 Launch", 1, "Jane")
    assert {row["actor_name"] for row in rows(board.activity.frame(backend=backend))} == {"Jane"}
    assert rows(client.notifications.frame(backend=backend)) == []
    agent = ws.agents.create(name="Helper", autonomy_mode="autonomous", tools=["board.read"])
    board.cards.update("LAU-2", assignee_id=agent)
    assert rows(board.cards.list(limit=2).frame(backend=backend))[1]["assignee"] == "Helper"
    assert rows(to_frame(board.board().cards, backend=backend))[0]["title"] == "Plan"
    next_page = board.cards.list().next_page()
    assert rows(to_frame([], backend=backend)) == rows(next_page.frame(backend=backend)) == []


@each_backend
@for_each(
    "cls",
    [endpoint.returns for endpoint in ENDPOINTS if endpoint.many and issubclass(endpoint.returns, Value)],
)
def test_each_value_of_a_list_becomes_a_row(cls, backend):
    value = make(cls)
    frame = to_frame([value], backend=backend)
    assert len(frame) == 1
    assert {name.partition(".")[0] for name in frame.columns} == {*value}


def test_examples_of_the_guide_run(board: ProjectHandle, capsys: pytest.CaptureFixture[str]):
    example = load_module(EXAMPLES / "data_frames.py")
    assert example.count_open_cards(board).loc["Jane", "high"] == 1
    assert [card.priority for card in example.edit_as_frame(board)] == ["high", "low", "low", "low"]
    assert "Empty DataFrame" in capsys.readouterr().out


def test_pandas_reads_values_as_rows(board: ProjectHandle):
    frame = pd.DataFrame(board.cards.list())
    assert [*frame["title"]] == ["Plan", "Build"]
    assert str(frame["due_date"].dtype).startswith("datetime64")
    assert "checklist_progress" in str(frame.T)
    card = board.cards.get("LAU-1")
    assert dict(card)["due_date"] == card.due_date == WHEN
    assert board.cards.update_all([card]) == []
    assert [card.title for card in board.cards.update_all([card.evolve(title="Other")])] == ["Other"]
    assert json.loads(json.dumps(card.to_dict()))["title"] == json.loads(card.to_json())["title"] == "Plan"


def test_evolved_value_keeps_unknown_fields():
    card = read(Card, {**make(Card).to_dict(), "mood": "good"})
    evolved = card.evolve(title="Other")
    assert (evolved.title, evolved.raw, card.evolve(title=card.title)) == ("Other", {"mood": "good"}, card)
    with pytest.raises(AttributeError, match="titel"):
        card.evolve(titel="Other")


@for_each(
    "missing, backend, message",
    [
        (
            ("narwhals",),
            None,
            'frames need narwhals, and pandas or polars: pip install "stellary[frames]" pandas',
        ),
        (("pandas",), "pandas", "a frame needs pandas, which is not installed: pip install pandas"),
        (
            ("pandas", "polars"),
            None,
            "a frame needs pandas or polars, which is not installed: pip install pandas",
        ),
    ],
)
def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, missing, backend, message):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError) as refused:
        to_frame([], backend=backend)
    assert str(refused.value) == message
    monkeypatch.undo()
    with pytest.raises(ValueError, match="backend must be 'pandas' or 'polars', not 'dask'"):
        to_frame([], backend="dask")  # type: ignore[arg-type]
