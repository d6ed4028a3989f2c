"""The flow of a board: figures, completed cards and a table of days."""

from datetime import date, timedelta

import attrs

from stellary.client.display import view
from stellary.client.testing import make
from stellary.contract.flow import BoardFlow, ColumnFlow, Forecast, TimePercentiles
from stellary.contract.scope_views import DayCount
from tests.client.display.boards import NOW
from tests.client.display.parsed import parse_view, render, render_lines

DAYS = [(date(2026, 4, 1) + timedelta(number)).isoformat() for number in range(3)]
NOT_MEASURED = TimePercentiles(median_seconds=None, cards=0, p85_seconds=None, p95_seconds=None)
FLOW = BoardFlow(
    unit="count",
    complete_since=DAYS[0],
    days=DAYS,
    columns=[
        ColumnFlow(id="1", name="To <do>", counts=[1, 0, 0]),
        ColumnFlow(id="2", name="Done", counts=[0, 1, 1200]),
    ],
    total=[1, 1, 1200],
    done=[0, 1, 1200],
    remaining=[1, 0, 0],
    completed_per_day=[DayCount(day=day, cards=2) for day in DAYS],
    completed_per_week=[],
    lead_time=attrs.evolve(NOT_MEASURED, median_seconds=7200, cards=1),
    cycle_time=NOT_MEASURED,
    in_progress=[],
    forecast=Forecast(seed=0, trials=1000, p50=DAYS[2], p85="2026-04-07", p95=None),
)


def test_flow_is_a_table_of_days_with_the_newest_first():
    root = render(FLOW, most=2)
    assert root.texts("th") == ["Day", "To <do>", "Done", "Done in all", "Remaining"]
    assert root.texts("td") == ["2026-04-03", "0", "1,200", "1,200", "0", "2026-04-02", "0", "1", "1", "0"]
    assert "+ 1 earlier day" in root.text
    text = view(FLOW, now=NOW).text(80)
    for expected in "2026-04-03", "2 h", "2026-04-07", "6 cards completed in 3 days":
        assert expected in text
    assert "on record since" not in text


def test_columns_are_areas_with_the_last_one_at_the_bottom():
    columns = [
        attrs.evolve(FLOW.columns[0], counts=[1, 3, 2]),
        attrs.evolve(FLOW.columns[1], counts=[0, 1, 2]),
    ]
    flow = attrs.evolve(FLOW, columns=columns, total=[1, 4, 4], done=[0, 1, 2])
    root = render(flow)
    done, planned = root.all("polygon")
    assert done.attributes["points"] == "0,96.0 10,73.0 20,50.0 20,96.0 10,96.0 0,96.0"
    assert planned.attributes["points"] == "0,73.0 10,4.0 20,4.0 20,50.0 10,73.0 0,96.0"
    assert [done.one("title").text, planned.one("title").text] == ["Done: 2", "To <do>: 2"]
    assert root.texts(cls="chip") == ["To <do>", "Done"]
    lines = render_lines(flow)
    start = lines.index("Cards by column") + 1
    assert lines[start : start + 8] == [" ▓▓", " ▓▓", " ▓▓", " ▓▓", " ▓█", " ▓█", "▓██", "▓██"]
    assert lines[start + 8 : start + 11] == [
        "▓ To <do>",
        "█ Done",
        "4 in all on the last day, of them 2 done.",
    ]


def test_areas_of_one_day_and_of_more_days_than_fit():
    def draw(*counts):
        days = [(date(2026, 4, 1) + timedelta(number)).isoformat() for number in range(len(counts))]
        column = attrs.evolve(FLOW.columns[0], counts=list(counts))
        sums = dict.fromkeys(("total", "done", "remaining"), [1] * len(counts))
        return view(attrs.evolve(FLOW, days=days, columns=[column], **sums), now=NOW)

    assert parse_view(draw(5).html()).one("polygon").attributes["points"] == "0,4.0 10,4.0 10,96.0 0,96.0"
    assert f"\n{' ' * 39}█\n" in draw(*[0] * 99, 8).text(40)


def test_flow_without_a_record_says_so():
    flow = attrs.evolve(FLOW, complete_since=None, forecast=attrs.evolve(FLOW.forecast, p85=None))
    text = view(flow, now=NOW).text(80)
    assert "on record since today" in text
    assert "no forecast" in text


def test_flow_without_days_is_an_empty_table():
    text = view(make(BoardFlow), now=NOW).text(80)
    assert "No card was ever in a column." in text
    assert "on record since" not in text
