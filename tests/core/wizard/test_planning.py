"""Plans of briefs: phases, deliverables, days, priorities and notes, in the brief's own words."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.wire import load
from stellary.core.ports.planner import Brief, Text
from stellary.core.wizard.reader import BriefReader
from stellary.core.wizard.rules.fitting import fitted
from tests.core.wizard.studio import BRIEF

TODAY = date(2026, 4, 1)


def brief(text, *feedback, name="Plan", documents=(), answers=None, asked=()):
    texts = [Text("", text), *(Text("", each) for each in documents)]
    return Brief(name, texts, TODAY, feedback=feedback, answers=answers or {}, asked=asked)


def plan(text, *feedback, **more):
    return fitted(BriefReader().plan(brief(text, *feedback, **more)))


def phases(roadmap):
    return {phase.name: [each.title for each in phase.deliverables] for phase in roadmap.phases}


def deliverables(roadmap):
    return {each.title: each for phase in roadmap.phases for each in phase.deliverables}


def test_steps_that_are_told_are_the_phases_and_features_go_where_they_are_built():
    assert phases(plan(BRIEF)) == {
        "Interview five receptionists, map how calls": [
            "Which text message provider do we use?",
            "Interview five receptionists",
            "Map how calls are handled today",
            "Risk: The old system has no documented export",
        ],
        "Design booking page, test it": ["Design the booking page", "Test it with ten patients"],
        "Build first version, migrate existing appointments": [
            "Build the first version",
            "Migrate the existing appointments",
            "Train the staff",
            "Booking page: patients choose a practitioner and a free slot",
            "Reminders by mail and text message, 24 hours before",
            "Cancel or move an appointment",
            "Waiting list",
            "Check what the brief asks for",
        ],
    }


def test_days_checklists_and_priorities_are_those_of_the_brief():
    roadmap = plan(BRIEF)
    found = deliverables(roadmap)
    assert (str(roadmap.start_date.date()), roadmap.days) == ("2026-05-04", 150)
    assert found["Reminders by mail and text message, 24 hours before"].checklist == [
        "template per language",
        "opt-out",
    ]
    assert found["Waiting list"].priority == "low"
    assert found["Check what the brief asks for"].checklist == [
        "Budget: 40 000 €",
        "Patient data must stay within the EU (GDPR)",
    ]


NUMBERED = """Phase 1: Discovery (2 weeks)
- Interview 8 customers
- Audit the current app
Phase 2: Prototype
- Wireframes of the checkout
Phase 3: Launch
- Release to the app stores
Testing with real cards is needed.
"""
MILESTONES = """Billing is rewritten by end of Q3 2026.

Requirements
------------
1. The service must produce the same invoices.

Milestones
----------
- M1 (2 weeks): document the behaviour, collect invoices
- M2 (6 weeks): implement invoice generation
"""
NESTED = """1. Garden
   - dig the pond
   - plant trees
2. House
   - paint the walls
   - repair the roof
"""
TOPICS = """# Shop

We must also test the payments and train the staff.

## Catalogue
- Import the products
- Show prices

## Payments
- Pay by card
"""
PROSE = """We want a new website for our bakery. It should show our products, and people must be able to order cakes online. We need to
take photographs, choose a hosting provider and launch before Christmas."""
TABLE = """| Deliverable | Owner | Due |
|---|---|---|
| Research report | Anna | 2026-05-15 |
| Build the shop | Ben | 2026-06-15 |
"""
FRENCH = """Nous voulons créer un jardin partagé pour les habitants. Il faut trouver un terrain et recruter des bénévoles. Ensuite, nous
devons préparer le sol et construire des bacs. Enfin, il faudra organiser une fête avant le 21 juin 2026. Le principal risque
est la sécheresse."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            NUMBERED,
            {
                "Discovery": ["Interview 8 customers", "Audit the current app"],
                "Prototype": ["Wireframes of the checkout"],
                "Launch": ["Release to the app stores", "Testing with real cards is needed"],
            },
        ),
        (
            MILESTONES,
            {
                "M1: Document behaviour, collect invoices": ["Document the behaviour", "Collect invoices"],
                "M2: Implement invoice generation": [
                    "Implement invoice generation",
                    "The service must produce the same invoices",
                ],
            },
        ),
        (
            NESTED,
            {"Garden": ["Dig the pond", "Plant trees"], "House": ["Paint the walls", "Repair the roof"]},
        ),
        (
            TOPICS,
            {
                "Catalogue": ["Import the products", "Show prices"],
                "Payments": ["Pay by card"],
                "Test payments, train staff": ["Test the payments", "Train the staff"],
            },
        ),
        (
            PROSE,
            {
                "Choose a hosting provider": ["Choose a hosting provider"],
                "Show products, people, take photographs": [
                    "Show our products",
                    "People must be able to order cakes online",
                    "Take photographs",
                ],
                "Launch before Christmas": ["Launch before Christmas"],
            },
        ),
        (
            FRENCH,
            {
                "Trouver terrain, recruter bénévoles": [
                    "Trouver un terrain",
                    "Recruter des bénévoles",
                    "Risque : Le principal risque est la sécheresse",
                ],
                "Préparer sol, construire bacs": ["Préparer le sol", "Construire des bacs"],
                "Organiser une fête avant le 21 juin 2026": ["Organiser une fête avant le 21 juin 2026"],
            },
        ),
    ],
    ids=["numbered", "milestones", "nested", "topics", "prose", "french"],
)
def test_phases_and_deliverables_are_drawn_from_the_text(text, expected):
    assert phases(plan(text)) == expected


def test_durations_that_are_told_are_kept():
    first, second = plan("- M1 (2 weeks): look\n- M2 (6 weeks): act", "start on 2026-05-04").phases
    assert (first.name, first.end_day, second.start_day, second.end_day) == ("M1: Look", 13, 14, 55)


def test_a_table_tells_who_and_when():
    found = deliverables(plan(TABLE))
    assert found["Research report"].description == "Owner: Anna, Due: 2026-05-15"
    assert found["Research report"].end_day == (date(2026, 5, 15) - TODAY).days
    assert found["Build the shop"].end_day == (date(2026, 6, 15) - TODAY).days


def test_what_documents_repeat_is_planned_once():
    one = plan("- Build the shop\n- Test it", documents=["* build the shop", "1. Print a sign"])
    titles = [title for part in phases(one).values() for title in part]
    assert sorted(titles) == ["Build the shop", "Print a sign", "Test it"]


def test_what_is_done_or_out_of_scope_is_left_out():
    one = plan(
        "- [x] Sign the contract\n- [ ] Build the shop\n\nOut of scope:\n- Payments\n\n```\n- code\n```"
    )
    assert list(deliverables(one)) == ["Build the shop"]
    assert "Not part of it: Payments." in one.notes


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Launch by 06/25/2026.", "2026-06-25"),
        ("Launch by 25/06/2026.", "2026-06-25"),
        ("Launch by 25.06.2026.", "2026-06-25"),
        ("Launch by June 25, 2026.", "2026-06-25"),
        ("Launch by the end of June.", "2026-06-30"),
        ("Launch in Q2 2026 at the latest.", "2026-06-30"),
        ("## Deadline\n30 June 2026", "2026-06-30"),
        ("Deadline: 30 June", "2026-06-30"),
        ("A fair on 12 May 2026 for children.", "2026-05-12"),
        ("Launch by 31/02/2026.", None),
        ("Launch by 13/13/2026.", None),
        ("Livrer avant le 1er juin 2026.", "2026-06-01"),
        ("Launch within three months.", "2026-06-30"),
    ],
)
def test_a_day_by_which_all_is_to_be_there_is_found(text, day):
    roadmap = plan("- Build the shop\n\n" + text)
    ends = (
        None if roadmap.start_date is None else str((roadmap.start_date + timedelta(roadmap.days - 1)).date())
    )
    assert ends == day


def test_what_stands_under_a_theme_is_of_that_theme_however_deep():
    text = "## Risks\n### Technical\n- Old servers\n\n## Work\n- Build the shop"
    assert list(deliverables(plan(text))) == ["Build the shop", "Risk: Old servers"]


def test_labels_lead_ins_and_marks_are_read_as_headings():
    text = (
        "Deliverables: a logo, a poster and a film\nBudget: 3000 euros\n\n**Must have**\n- Login\n  with\n   two factors\n\n"
        "What we do not need:\n- Chat\n\nWE WORK AS A TEAM OF THREE\n"
    )
    found = deliverables(plan(text))
    assert list(found)[:4] == ["A logo", "A poster", "A film", "Login with two factors"]
    assert found["Login with two factors"].priority == "high"
    assert found["Check what the brief asks for"].checklist == ["3000 euros"]
    assert "Not part of it: Chat." in plan(text).notes


def test_work_beside_topics_goes_to_the_topic_that_is_about_the_same():
    text = "# Shop\n- Show product photos of soap\n\n## Product photos\n- Photo studio\n\n## Soap\n- Labels\n"
    assert phases(plan(text))["Product photos"] == ["Photo studio", "Show product photos of soap"]


def test_milestones_with_days_end_on_them():
    roadmap = plan(
        "Start on 2026-05-04.\n\n## Milestones\n- Prototype by 1 June 2026\n- Launch by 1 July 2026"
    )
    assert [phase.end_day for phase in roadmap.phases] == [28, 58]


def test_a_brief_has_more_topics_than_a_project_has_columns():
    text = "".join(f"## Topic {place}\n- Thing {place}\n- Other {place}\n" for place in range(70))
    check(plan(text))


def test_a_long_list_is_parted_with_the_important_things_first():
    text = "\n".join(
        f"- Thing number {place}{' (nice to have)' if place == 1 else ''}" for place in range(12)
    )
    first, second = plan(text).phases
    assert "Thing number 1 (nice to have)" not in [each.title for each in first.deliverables]
    assert (len(first.deliverables), len(second.deliverables)) == (6, 6)


def test_a_brief_that_names_no_work_is_a_plan_to_find_out():
    roadmap = plan("", name="Moonshot")
    assert [phase.name for phase in roadmap.phases] == ["Moonshot"]
    assert "What has to be made or done" in deliverables(roadmap)


def test_a_deadline_that_is_past_or_tight_is_told():
    assert any("is before the work can begin" in note for note in plan("Launch by 2026-01-01.").notes)
    tight = plan("- Build a\n- Build b\n- Build c\n- Build d", "in 2 days")
    assert (tight.days, tight.notes[-1]) == (2, "The work is estimated at 14 days, and there are 2.")


def test_more_people_do_it_sooner():
    text = "\n".join(f"- Build {place} rooms" for place in range(5))
    assert plan(text, "we are 5 people").days < plan(text, "there are 1 people").days


def test_what_matters_most_and_what_can_wait():
    answers = {"first": "Build the shop", "later": ["Print a sign"]}
    found = deliverables(plan("- Build the shop\n- Print a sign\n- Film a clip", answers=answers))
    assert [each.priority for each in found.values()] == ["high", "low", "medium"]


def test_answers_stand_over_what_was_read():
    roadmap = plan(
        "We start on 4 May 2026. We must build it.", answers={"start": "2026-06-01", "deadline": "2026-06-30"}
    )
    assert (str(roadmap.start_date.date()), roadmap.days) == ("2026-06-01", 30)


# ---------------------------------------------------------------------------------------------- any text

LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            BRIEF.splitlines() + NUMBERED.splitlines() + FRENCH.splitlines() + TABLE.splitlines()
        ),
    ),
    max_size=30,
)


def test_a_brief_with_more_topics_than_a_project_has_columns_loses_none_of_its_work():
    text = "".join(
        f"## Topic {number}\n- Build door {number}\n- Draw door {number}\n" for number in range(60)
    )
    made = plan(text)
    assert len(made.phases) < 50
    assert len(deliverables(made)) == 120


def test_an_entry_takes_so_many_steps_and_goes_on_over_lines():
    made = plan("- Build the shop\n" + "".join(f"  - step {number}\n" for number in range(300)))
    assert [len(each.checklist) for phase in made.phases for each in phase.deliverables] == [100]
    made = plan("- Build the shop\n  in May\n  - paint\n    it red\n")
    (deliverable,) = [each for phase in made.phases for each in phase.deliverables]
    assert (deliverable.title, deliverable.checklist) == ("Build the shop in May", ["paint it red"])


def test_a_row_of_a_table_without_a_name_is_no_work():
    made = plan("| Work | By |\n|---|---|\n|  | Ann |\n| Build a shop | Ann |\n")
    assert list(deliverables(made)) == ["Build a shop"]


def test_one_list_of_everything_is_ordered_by_what_its_entries_say():
    text = "## Things\n- Launch the shop\n- Draw a logo\n- Build the shop\n- Test the shop\n"
    assert list(phases(plan(text)))[:2] == ["Draw a logo", "Build the shop"]


def test_what_is_said_in_one_sentence_is_taken_apart_where_another_thing_to_do_begins():
    made = deliverables(plan("We must build and test it, and ship."))
    assert sorted(made) == ["Build and test it", "Ship"]


def test_a_title_of_nothing_but_quotes_names_no_phase():
    made = plan("- Build: a\n- Draw the “”\n- “”\n- (“)\n- Test\n")
    assert all(name.strip("“”() ") for name in phases(made))


@pytest.mark.parametrize(
    "said", ["A team of twelve people works on it.", "A team of several people works on it."]
)
def test_who_works_on_it_need_not_be_a_number(said):
    assert "who works on it" not in plan(f"Build a shop. {said}").notes[0]


def check(roadmap):
    """All that a project could not be made of otherwise."""
    assert 1 <= len(roadmap.phases) <= 50
    found = [each for phase in roadmap.phases for each in phase.deliverables]
    assert 1 <= len(found) <= 500
    for phase in roadmap.phases:
        assert 1 <= len(phase.name.strip()) <= 100
        assert 0 <= phase.start_day <= phase.end_day < roadmap.days
        assert phase.deliverables
    for each in found:
        assert 1 <= len(each.title.strip()) <= 500
        assert len(each.description or "") <= 5_000
        assert len(each.checklist) <= 100
        assert all(1 <= len(step.strip()) <= 500 for step in each.checklist)
        assert 0 <= each.start_day <= each.end_day < roadmap.days


@given(lines=LINES, feedback=st.lists(st.text(max_size=80), max_size=3))
def test_any_text_makes_a_plan_that_a_project_can_be_made_of(lines, feedback):
    text = "\n".join(lines)
    check(plan(text, *feedback))
    assert plan(text, *feedback) == plan(text, *feedback)


@given(
    lines=LINES,
    answers=st.dictionaries(
        st.sampled_from(
            ["work", "goal", "audience", "risks", "success", "limits_detail", "first", "anything"]
        ),
        st.text(min_size=1, max_size=80),
    ),
    more=st.fixed_dictionaries(
        {},
        optional={
            "people": st.integers(1, 99),
            "start": st.just("2026-05-01"),
            "deadline": st.just("2027-05-01"),
        },
    ),
)
def test_no_answer_makes_a_brief_less_ready(lines, answers, more):
    text, reader = "\n".join(lines), BriefReader()
    score = 0
    known = {}
    for id, said in {**answers, **more}.items():
        before = score if known else reader.refine(brief(text), 1).score
        known = {**known, id: said}
        score = reader.refine(brief(text, answers=known), 1).score
        assert before <= score <= 100


LENGTH = 100_000


@pytest.mark.parametrize(
    "unit",
    [
        ".",
        ". ",
        "A. ",
        "- a\n",
        "[",
        "|a",
        "We must build it and test it, then launch it. ",
        "including a, b, c and d. ",
        "1 May 2026 ",
        "There is a risk that it fails. ",
        "Phase 1: build\n- build 1\n- test 2\n",
        "## Topic\n- thing\n- build\n",
        "é",
        "and and, ",
        BRIEF,
        FRENCH,
    ],
)
def test_a_hundred_thousand_characters_are_read_in_a_moment(unit):
    text = (unit * (LENGTH // len(unit) + 1))[:LENGTH]
    began = time.process_time()
    check(plan(text))
    assert time.process_time() - began < 3


def test_time_grows_with_the_length_and_no_faster():
    def taken(count):
        text = "".join(f"- Build page number {place} of {place * 7}\n" for place in range(count))
        began = time.process_time()
        plan(text)
        return time.process_time() - began

    taken(100)
    assert taken(3_200) < 40 * taken(400)


@given(lines=LINES)
def test_what_is_planned_can_be_told_and_read_again(lines):
    from stellary.contract.project_imports import ImportProject

    roadmap = plan("\n".join(lines))
    file = {
        "project": {"name": "x"},
        "columns": [{"name": phase.name} for phase in roadmap.phases],
        "cards": [
            {
                "title": each.title,
                "columnIndex": place,
                "priority": each.priority,
                "checklist": [{"title": step} for step in each.checklist],
            }
            for place, phase in enumerate(roadmap.phases)
            for each in phase.deliverables
        ],
    }
    assert load(ImportProject, file)
