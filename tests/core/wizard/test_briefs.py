"""Briefs with the structure of public ones: are the phases those of the brief, is nothing invented, is nothing lost?"""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from stellary.core import Brief
from stellary.core.wizard.reader import BriefReader
from stellary.core.wizard.rules.fitting import fit_roadmap
from tests.support.core_parts import Text

BRIEFS = sorted((Path(__file__).parent / "briefs").glob("*.toml"))
TODAY = date(2026, 4, 1)
NO_TIME = ("The brief gives no time", "Le texte ne donne pas le temps")


def read_case(path):
    """Return a brief, its expected phases and the words that tell its traps, as its file has them."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def find_problems(case):
    """Return the answers to the three questions that are not as they should be."""
    brief = Brief("Plan", [Text("", case["text"])], TODAY)
    question = BriefReader().refine(brief, 1).questions[0]
    roadmap = fit_roadmap(BriefReader().plan(brief))
    notes = "\n".join(roadmap.notes)
    titles = [item.title for phase in roadmap.phases for item in phase.deliverables]
    expected = [title for phase in case["phases"].values() for title in phase]
    places = {(item.title, phase.name) for phase in roadmap.phases for item in phase.deliverables}
    problems = {
        "phases": [phase.name for phase in roadmap.phases if phase.name not in case["phases"]]
        + [name for name in case["phases"] if name not in [phase.name for phase in roadmap.phases]],
        "not offered": [name for name in case["phases"] if name not in question.options],
        "invented": [title for title in titles if title not in expected]
        + [trap for trap in case["traps"] for title in titles if trap in title],
        "lost": [title for title in expected if title not in titles]
        + [text for text in case["stated"] if text not in notes],
        "misplaced": [
            title
            for name, items in case["phases"].items()
            for title in items
            if title in titles and (title, name) not in places
        ],
        "durations": [] if case["timed"] or any(text in notes for text in NO_TIME) else [roadmap.days],
        "language": []
        if question.text.startswith("The" if case["language"] == "en" else ("Ces", "Le"))
        else [question.text],
    }
    return {name: values for name, values in problems.items() if values}


@pytest.mark.parametrize("path", BRIEFS, ids=lambda path: path.stem)
def test_brief_gives_its_phases_no_invention_and_no_loss(path):
    assert find_problems(read_case(path)) == {}


def test_months_before_that_of_the_next_phase_are_past():
    text = "## Phase 1: A (Feb 2 - Feb 27)\n- Ask\n## Phase 2: B (Mar 1 - Apr 11)\n- Build\n## Phase 3: C (Apr 12 - May 9)\n- Test"
    roadmap = BriefReader().plan(Brief("Plan", [Text("", text)], TODAY))
    assert roadmap.start_date.date() == date(2026, 3, 1)
    assert [(phase.start_day, phase.end_day) for phase in roadmap.phases[1:]] == [(0, 41), (42, 69)]


def test_there_are_briefs_in_both_languages():
    languages = [read_case(path)["language"] for path in BRIEFS]
    assert (len(languages) >= 30, languages.count("fr") >= 10) == (True, True)


def test_duration_of_a_phase_is_in_a_column_but_its_distance_from_an_event_is_not_one():
    table = "| Phase | Durée calendaire |\n|---|---|\n| Cadrage | 7 semaines |\n| Tests | 4 semaines |\n"
    headings = "# Fair\n\n## 3 months\n- Book\n\n## 2 weeks\n- Print\n"
    for text, days in ((table, [49, 28]), (headings, [14, 14])):
        phases = BriefReader().plan(Brief("Plan", [Text("", text)], TODAY)).phases
        assert [phase.end_day - phase.start_day + 1 for phase in phases] == days
