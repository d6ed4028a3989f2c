"""Lists as tables, and single values as field names and contents."""

import sys
from datetime import UTC, datetime

import attrs
import pytest

from stellary.client.calling.page import Page
from stellary.client.display import view
from stellary.client.display._rows import SHOWN, columns_of
from stellary.client.testing import make
from stellary.contract.activities import Activity
from stellary.contract.attachments import Attachment
from stellary.contract.auth import Me, User
from stellary.contract.automations import Automation, AutomationAction
from stellary.contract.cards import Card
from stellary.contract.custom_fields import CustomField
from stellary.contract.documents import Document, DocumentSummary
from stellary.contract.labels import Label
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectTemplate, TemplateColumn
from stellary.contract.search import Hit
from stellary.contract.wire import Value
from stellary.contract.wizard import Deliverable
from tests.client.display.boards import NOW, card
from tests.client.display.parsed import render
from tests.support.each_case import for_each


def values() -> list[type[Value]]:
    classes = [Value]
    for cls in classes:
        classes += [subclass for subclass in cls.__subclasses__() if not subclass.__name__.startswith("_")]
    # attrs builds a slotted class from one without slots, which may still be a subclass but is not in its module.
    importable = {
        cls
        for cls in classes
        if cls is not Value and getattr(sys.modules[cls.__module__], cls.__name__, None) is cls
    }
    return sorted(filter(attrs.has, importable), key=lambda kind: kind.__name__)


def test_page_is_a_table_with_a_row_count():
    root = render(Page([make(Label, name="bug", color="#ef4444"), make(Label, name="docs", color="#22c55e")]))
    assert root.one("h3").text == "2 labels"
    assert root.texts("th") == ["Name", "Color"]
    assert root.texts("td") == ["bug", "#ef4444", "docs", "#22c55e"]
    assert root.all(cls="chip")[0].one("i").attributes["style"] == "background:#ef4444"


def test_list_of_cards_uses_the_card_table():
    assert render([card(1, "One")]).texts("td") == ["LAU-1", "One", "open"]


@for_each(
    "value, title",
    [
        ([], "Nothing here"),
        ([make(Card)], "1 card"),
        ([make(DocumentSummary)] * 2, "2 documents"),
        ([make(Activity)] * 2, "2 activities"),
        ([make(PortfolioProject)], "1 project"),
        ([make(Hit)] * 3, "3 hits"),
    ],
)
def test_list_title_names_count_and_kind(value: list[Value], title: str):
    assert render(value).one("h3").text == title


def test_empty_list_shows_a_note():
    assert render(Page()).texts("p") == ["The list is empty."]
    assert view(Page()).text().splitlines()[-1] == "The list is empty."


def test_page_with_a_next_page_shows_a_note():
    rows = Page([make(Project)] * 2, "more", lambda cursor: Page())
    root = render(rows)
    assert root.one("h3").text == "2+ projects"
    assert root.texts(cls="more") == ["there are further pages: next_page() has them"]
    assert render(rows, most=1).texts(cls="more")[0].startswith("+ 1 more on this page; there are further")


def test_long_list_is_truncated_after_fifty_rows():
    root = render([make(Project) for _ in range(700)])
    assert len(root.all("tr")) == 51
    assert root.texts(cls="more") == ["+ 650 more"]


def test_moment_shows_the_day_with_an_exact_tooltip():
    created_at = datetime(2026, 4, 3, 14, 5, tzinfo=UTC)
    root = render(
        [make(Activity, created_at=created_at, type="card_moved", actor_name="Jane", meta={"to": "Done"})]
    )
    moment, actor, kind, details = root.all("td")
    assert (moment.text, kind.text, details.text) == ("3 Apr 14:05", "card moved", "to: Done")
    assert moment.one("span").attributes["title"] == "2026-04-03 14:05 UTC"
    assert actor.one(cls="who").attributes["title"] == "Jane"


def test_nested_values_are_summarized():
    action = AutomationAction(type="notify", params={})
    rule = make(Automation, name="Done", enabled=False, trigger="task_moved", action=action)
    assert render([rule]).texts("td")[:3] == ["Done", "no", "task_moved"]
    assert render([rule]).texts("td")[-1] == "notify"
    columns = [TemplateColumn(name=f"C{number}", card_status=None) for number in range(10)]
    template = make(ProjectTemplate, columns=columns, labels=[])
    assert "C0, C1, C2, C3, C4, C5, C6, C7 and 2 more" in render([template]).texts("td")


@pytest.mark.parametrize(("size", "expected"), [(10, "10 B"), (2048, "2 kB"), (10 * 1024 * 1024, "10.0 MB")])
def test_sizes_are_shown_in_units(size: int, expected: str):
    assert expected in render([make(Attachment, size=size)]).texts("td")


def test_project_progress_is_a_bar():
    root = render([make(PortfolioProject, percent_done=33, overdue=2)])
    assert root.one(cls="meter").text == "33 %"
    assert root.one(cls="bad").text == "2"


def test_single_value_shows_its_fields():
    root = render(make(Project, name="Q1 Launch", key="QL", description=None))
    assert root.one("h3").text == "Q1 Launch"
    facts = dict(zip(root.texts("dt"), root.texts("dd"), strict=True))
    assert facts["Key"] == "QL"
    assert "Description" not in facts
    assert "Project" in root.one(cls="sub").text


def test_priorities_and_flags_are_formatted():
    assert render([make(Deliverable, priority="high")]).one(cls="bad").text == "▲ high"
    assert render([make(CustomField, required=True)]).one(cls="good").text == "yes"
    assert render([make(CustomField, required=False)]).all(cls="good") == []


def test_me_is_titled_with_the_user_name():
    root = render(make(Me, user=make(User, name="Jane Doe", email="jane@example.com")))
    assert root.one("h3").text == "Jane Doe"
    assert root.texts("dd")[:2] == ["Jane Doe", "jane@example.com"]


def test_value_is_one_line_per_field_in_a_terminal():
    lines = view(make(Label, name="bug", color="#ef4444"), now=NOW).text(60).splitlines()
    assert lines[0] == "bug"
    assert "Color       [#ef4444]" in lines


def test_table_fits_the_terminal_width():
    rows = [make(Project, name="A very long name " * 5, description="words " * 40, key="ABC")] * 2
    lines = view(rows, now=NOW).text(60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[2].split()[:2] == ["Key", "Name"]


@pytest.mark.slow("tries each kind of value")
@for_each("kind", values())
def test_every_value_renders_even_without_fields(kind: type[Value]):
    bare = object.__new__(kind)
    for field in attrs.fields(kind):
        object.__setattr__(bare, field.name, None)
    for value in (make(kind), [make(kind)], [bare]):
        assert render(value).name == "div"
        assert view(value, now=NOW).text(80)


@for_each("name", SHOWN)
def test_listed_fields_exist(name: str):
    (kind,) = [value_class for value_class in values() if value_class.__name__ == name]
    assert {field.split(".")[0] for field in columns_of(kind)} <= {field.name for field in attrs.fields(kind)}


def test_document_is_listed_like_its_summary():
    assert columns_of(Document) == columns_of(DocumentSummary)


@for_each("value", [3, "card", [3], [[make(Card)]], {"a": 1}])
def test_other_objects_raise_type_error(value: object):
    with pytest.raises(TypeError, match="cannot be shown"):
        view(value)
