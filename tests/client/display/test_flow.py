"""The flow of a board: figures, completed cards and a table of days."""

from datetime import date, timedelta

import attrs

from stellary.client.display import view
from stellary.client.testing import make
from stellary.contract.flow import BoardFlow, ColumnFlow, Forecast, TimePercentiles
from stellary.contract.scope_views import DayCount
from tests.client.display.boards import NOW
from tests.client.display.parsed import parse_view

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
    root = parse_view(view(FLOW, now=NOW, most=2).html())
    assert root.texts("th") == ["Day", "To <do>", "Done", "Done in all", "Remaining"]
    assert root.texts("td") == ["2026-04-03", "0", "1,200", "1,200", "0", "2026-04-02", "0", "1", "1", "0"]
    assert "+ 1 earlier day" in root.text
    text = view(FLOW, now=NOW).text(80)
    for expected in "2026-04-03", "2 h", "2026-04-07", "6 cards completed in 3 days":
        assert expected in text
    assert "on record since" not in text


def test_flow_without_a_record_says_so():
    flow = attrs.evolve(FLOW, complete_since=None, forecast=attrs.evolve(FLOW.forecast, p85=None))
    text = view(flow, now=NOW).text(80)
    assert "on record since today" in text
    assert "no forecast" in text


def test_flow_without_days_is_an_empty_table():
    text = view(make(BoardFlow), now=NOW).text(80)
    assert "No card was ever in a column." in text
    assert "on record since" not in text
