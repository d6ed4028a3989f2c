"""The cumulative flow of a board as a table."""

from datetime import date

from stellary.client.display import view
from stellary.client.transfer.flow import ColumnFlow, CumulativeFlow
from tests.client.display.boards import NOW
from tests.client.display.parsed import parse_view


def test_flow_is_a_table_of_days_with_the_newest_first():
    days = [date(2026, 4, 1), date(2026, 4, 2), date(2026, 4, 3)]
    flow = CumulativeFlow(
        days, [ColumnFlow("1", "To <do>", [1, 0, 0]), ColumnFlow("2", "Done", [0, 1, 1200])]
    )
    root = parse_view(view(flow, now=NOW, most=2).html())
    assert root.texts("th") == ["Day", "To <do>", "Done"]
    assert root.texts("td") == ["2026-04-03", "0", "1,200", "2026-04-02", "0", "1"]
    assert "+ 1 earlier day" in root.text
    assert "2026-04-03" in view(flow, now=NOW).text(80)


def test_empty_flow_is_a_sentence():
    assert "No card was ever in a column." in view(CumulativeFlow([], []), now=NOW).text(80)
