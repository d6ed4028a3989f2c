"""Plans of briefs: phases, deliverables, days, priorities and notes, in the brief's own words."""

from datetime import date, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.wire import load
from stellary.core import Brief
from stellary.core.wizard import models
from stellary.core.wizard.reader import BriefReader
from stellary.core.wizard.rules import reading, vocabulary
from stellary.core.wizard.rules.dates import DateReader
from stellary.core.wizard.rules.fitting import fit_roadmap
from stellary.core.wizard.rules.outline import split_entries
from stellary.core.wizard.rules.plans import to_title
from tests.core.wizard.draft_api import BRIEF
from tests.support.core_parts import Text
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each

TODAY = date(2026, 4, 1)


def brief(text, *feedback, name="Plan", documents=(), answers=None, questions=()):
    texts = [Text("", text), *(Text("", document) for document in documents)]
    return Brief(name, texts, TODAY, feedback=feedback, answers=answers or {}, questions=questions)


def plan(text, *feedback, **more):
    return fit_roadmap(BriefReader().plan(brief(text, *feedback, **more)))


def ask(text, number=1, **more):
    """Return the questions of a round by their ids."""
    return {question.id: question for question in BriefReader().refine(brief(text, **more), number).questions}


def phases(roadmap):
    return {phase.name: [item.title for item in phase.deliverables] for phase in roadmap.phases}


def deliverables(roadmap):
    return {item.title: item for phase in roadmap.phases for item in phase.deliverables}


def test_plan_gives_the_phases_and_other_work_is_noted():
    roadmap = plan(BRIEF)
    assert phases(roadmap) == {
        "Study": ["Interview five receptionists", "Map how calls are handled today"],
        "Design": ["Design the booking page", "Test it with ten patients"],
        "Build": ["Build the first version", "Migrate the existing appointments", "Train the staff"],
    }
    left_out = "Not used, since it is outside the phases: “What we need” (Book"
    assert any(note.startswith(left_out) for note in roadmap.notes)


def test_sections_beside_the_phases_are_asked_about():
    question = ask(BRIEF, 2, answers={"phases": ["Study", "Design", "Build"]})["place_3"]
    assert question.text == "“What we need” lists 4 items outside the phases. Where do they belong?"
    assert question.options == ["Study", "Design", "Build", "A phase of its own", "Leave it out"]
    assert phases(plan(BRIEF, answers={"place_3": "Build"}))["Build"][3:] == [
        "Booking page: patients choose a practitioner and a free slot",
        "Reminders by mail and text message, 24 hours before",
        "Cancel or move an appointment",
        "Waiting list",
    ]
    expected = ["Study", "Design", "Build", "What we need"]
    assert list(phases(plan(BRIEF, answers={"place_3": "A phase of its own"}))) == expected
    left_out = plan(BRIEF, answers={"place_3": "Leave it out"})
    assert "Left out, as you answered: What we need." in left_out.notes


def test_days_checklists_and_priorities_are_those_of_the_brief():
    roadmap = plan(BRIEF, answers={"place_3": "Build"})
    assert (str(roadmap.start_date.date()), roadmap.days) == ("2031-05-05", 149)
    planned = deliverables(roadmap)
    expected = ["template per language", "opt-out"]
    assert planned["Reminders by mail and text message, 24 hours before"].checklist == expected
    assert planned["Waiting list"].priority == "low"
    assert (roadmap.phases[0].start_day, roadmap.phases[0].end_day) == (0, 20)


def test_facts_beside_the_work_are_notes():
    notes = plan(BRIEF).notes
    for note in (
        "Not part of it: Payments.",
        "Risks: The old system has no documented export.",
        "Constraints: Budget: 40 000 €; Patient data must stay within the EU (GDPR).",
        "Open questions: Which text message provider do we use?.",
    ):
        assert note in notes


def test_first_question_asks_which_phases_are_right():
    question = next(iter(ask(BRIEF).values()))
    assert (question.id, question.format) == ("phases", "multi_choice")
    assert question.text == "These look like the phases. Which are?"
    assert question.options == ["Study", "Design", "Build", "What we need", "None of these"]
    chosen = ["Design", "What we need"]
    assert [*phases(plan(BRIEF, answers={"phases": chosen}))] == chosen


def test_brief_without_phases_asks_for_typical_ones_and_then_for_their_work():
    question = next(iter(ask("").values()))
    assert question.text == "The brief names no phases. Which of these does the project have?"
    answers = {"phases": ["Preparation", "Launch"]}
    questions = ask("", 2, answers=answers)
    assert questions["work_0"].text == "What has to be done in “Preparation”? One item per line."
    answers |= {"work_0": "Rent a hall\nPrint posters", "weeks_0": 2}
    roadmap = plan("", answers=answers)
    assert phases(roadmap) == {"Preparation": ["Rent a hall", "Print posters"], "Launch": ["Launch"]}
    assert roadmap.phases[0].end_day == 13


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "# Minutes\n## 2025-03-04\n- Attendance was low\n## 2025-03-11\n- The hall is small\n## 2025-03-18\n- Rain",
            "2025-03-04",
        ),
        ("# Program\n## Main flows\n- Signs: words of an organisation\n- Logs of changes", "Main flows"),
        ("# Shop\n## Objectives\n- Build the shop", "Objectives"),
        ("# Choir\n## Final stages\n1. Music\n2. Lights", "Final stages"),
    ],
    ids=["minutes", "description", "objectives", "stages"],
)
def test_sections_that_are_not_evidently_work_are_named_and_offered(text, name):
    roadmap, question = plan(text), next(iter(ask(text).values()))
    assert phases(roadmap) == {"Plan": ["List the work to be done"]}
    assert any(note.startswith(f"Not read as work: “{name}” (") for note in roadmap.notes)
    assert question.text == "The brief names no phases. Which of these sections are phases?"
    assert (name in question.options, ask(text)["work"].required) == (True, True)
    answers = {"phases": [name]}
    assert list(phases(plan(text, answers=answers))) == [name]
    assert "work" not in ask(text, 2, answers=answers)


def test_several_past_days_of_one_heading_are_no_minutes():
    days = "## Done on 4 March 2025, 11 March 2025 and 18 March 2025\n- Offers\n"
    text = f"# Choir\n{days}## Phase 1: Plan\n- Book the hall\n## Phase 2: Print\n- Send the bills"
    assert phases(plan(text)) == {"Plan": ["Book the hall"], "Print": ["Send the bills"]}


def test_items_that_begin_with_verbs_are_work():
    for first, second, third in (
        ("Define the pages", "Logo of the shop", "Publish the site"),
        ("Définir les pages", "Logo pour le site et la carte", "Publier le site"),
        ("Seiten und Daten festlegen", "Das Logo", "Die Seite freigeben"),
        ("Definir las páginas", "Logo para el sitio y la tienda", "Publicar el sitio"),
    ):
        text = f"# Site\n## Ann\n- {first}\n- {second}\n## Bob\n- {third}"
        assert phases(plan(text)) == {"Ann": [first, second], "Bob": [third]}


def test_words_that_only_end_like_infinitives_are_no_work():
    for items in (
        "Le plan de la maison\n\n- Atelier de bois\n- Grenier\n- Salle de bain\n- Escalier",
        "El plan de la casa\n\n- Taller de madera\n- Lugar de trabajo\n- Bar\n- Cocina",
        "Das ist der Plan\n\n- Die Fenster sind offen\n- Das Tor ist geschlossen\n- Das Dach",
    ):
        assert "House" not in phases(plan(f"# A\n## House\n{items}"))


def test_phases_can_be_named_if_none_of_the_offered_ones_is_right():
    answers = {"phases": ["None of these"]}
    assert "phase_names" in ask("- Build the shop\n- Test it", 2, answers=answers)
    answers["phase_names"] = "Spring\nAutumn"
    assert list(phases(plan("- Build the shop\n- Test it", answers=answers))) == ["Spring", "Autumn"]


def test_readiness_counts_phases_with_work_and_not_the_amount_of_text_or_confirmations():
    reader = BriefReader()
    long = BRIEF + "\n\n".join(f"## Topic {number}\n- Thing {number}\n" for number in range(50))
    assert (
        reader.refine(brief(BRIEF), 1).score
        == reader.refine(brief(long), 1).score
        == reader.refine(brief(BRIEF, answers={"phases": ["Study"]}), 2).score
    )
    bare = "## Plan\n1. Design\n2. Build\n3. Launch\n4. Rest"
    phases, work = (
        {"phases": ["Design", "Build", "Launch", "Rest"]},
        {"work_0": "Draw it", "work_1": "Build it"},
    )
    assert reader.refine(brief(bare), 1).score == reader.refine(brief(bare, answers=phases), 2).score == 0
    half = reader.refine(brief(bare, answers=phases | work), 2)
    assert (half.score, half.missing[0]) == (22 + 15, "Phases with work")


def test_past_date_is_not_used_and_asked_about():
    text = "## Plan\n1. Design\n2. Build\n\nDeadline: 31 December 2025"
    assert (
        ask(text)["deadline"].text == "The brief names 2025-12-31, which is past. When must it be finished?"
    )
    roadmap = plan(text)
    assert roadmap.start_date is None
    assert "Dates before today are not used: 2025-12-31." in roadmap.notes


def test_unclear_date_is_asked_about():
    text = "## Plan\n1. Design\n2. Build\n\nDeadline: 05/06/2026"
    assert ask(text)["deadline"].text == (
        "The brief names 05/06/2026, in which day and month are unclear. When must it be finished?"
    )
    assert "Dates whose day and month are unclear are not used: 05/06/2026." in plan(text).notes


def test_durations_of_prose_are_not_read():
    text = "## Plan\n1. Collect the files\n2. Archive them\n\nFiles have to be kept for 10 years, and mail for 3-12 months."
    roadmap = plan(text)
    assert roadmap.days == 28
    assert "The brief gives no time for some phases: each is given 14 days." in roadmap.notes


def test_time_without_durations_is_shared_equally():
    roadmap = plan("Start: 1 May 2026\nDeadline: 30 May 2026\n\n## Plan\n1. Design\n2. Build\n3. Test")
    assert [(phase.start_day, phase.end_day) for phase in roadmap.phases] == [(0, 9), (10, 19), (20, 29)]
    note = "The brief gives no duration for some phases: each has an equal share of the time, 10 days."
    assert note in roadmap.notes


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
                "Launch": ["Release to the app stores Testing with real cards is needed"],
            },
        ),
        (
            MILESTONES,
            {
                "M1": ["Document the behaviour", "Collect invoices"],
                "Implement invoice generation": ["Implement invoice generation"],
            },
        ),
        (TOPICS, {"Catalogue": ["Import the products", "Show prices"], "Payments": ["Pay by card"]}),
        (PROSE, {"Plan": ["List the work to be done"]}),
        (FRENCH, {"Plan": ["Dresser la liste du travail à faire"]}),
    ],
    ids=["numbered", "milestones", "topics", "prose", "french"],
)
def test_phases_and_deliverables_are_drawn_from_the_text(text, expected):
    assert phases(plan(text)) == expected


def test_durations_that_are_told_are_kept():
    first, second = plan("- M1 (2 weeks): look\n- M2 (6 weeks): act", "start on 2026-05-04").phases
    assert (first.name, first.end_day, second.start_day, second.end_day) == ("Look", 13, 14, 55)


def test_a_table_tells_who_and_when():
    planned = deliverables(plan(TABLE))
    assert planned["Research report"].description == "Owner: Anna\nDue: 2026-05-15"
    assert planned["Research report"].end_day == (date(2026, 5, 15) - TODAY).days
    assert planned["Build the shop"].end_day == (date(2026, 6, 15) - TODAY).days


def test_columns_of_a_table_are_read_by_their_headers():
    text = """## Tasks
| ID | Task | Priority | Status | Depends on | Duration (days) | Owner |
|---|---|---|---|---|---|---|
| T1 | Dig the pond | High | Open | | 4 | Ann |
| T2 | Plant trees | Won't | Open | | 3 | Bob |
| T3 | Buy tools | Low | Done | | 1 | Bob |
| T4 | Fill the pond | Medium | Open | T1 | 2 | |
"""
    roadmap = plan(text)
    planned = deliverables(roadmap)
    assert list(planned) == ["Dig the pond", "Fill the pond"]
    first, last = planned.values()
    assert (first.priority, first.start_day, first.end_day) == ("high", 0, 3)
    assert first.description == "ID: T1\nDuration (days): 4\nOwner: Ann"
    assert (last.priority, last.start_day, last.end_day) == ("medium", 4, 5)
    assert "Not part of it: Plant trees." in roadmap.notes
    assert "Left out, since it is marked as done: Buy tools." in roadmap.notes


def test_rows_with_equal_first_cells_stay_apart():
    text = "| Quarter | Role | Priority |\n|---|---|---|\n| Q1 2027 | Designer | High |\n| Q1 2027 | Engineer | Low |\n| Q2 2027 | Writer | Low |"
    roadmap = plan(text)
    assert phases(roadmap) == {"Q1 2027": ["Designer", "Engineer"], "Q2 2027": ["Writer"]}
    assert str(roadmap.start_date.date()) == "2027-01-01"


def test_labelled_items_of_a_plan_are_phases():
    text = "## Plan\n- **Design**: wireframes, style guide\n- **Build**: the booking form, which needs a login and a calendar of all rooms"
    build = "The booking form, which needs a login and a calendar of all rooms"
    assert phases(plan(text)) == {"Design": ["Wireframes", "Style guide"], "Build": [build]}


def test_table_that_names_no_work_is_context():
    text = "## Plan\n1. Design\n2. Build\n\n## Prices\n| Item | Cost |\n|---|---|\n| Paint | 30 |"
    roadmap = plan(text)
    assert list(phases(roadmap)) == ["Design", "Build"]
    assert "Not used, since no column of the table names work: “Prices”." in roadmap.notes


def test_what_documents_repeat_is_planned_once():
    one = plan("- Build the shop\n- Test it", documents=["* build the shop", "1. Print a sign"])
    titles = [title for part in phases(one).values() for title in part]
    assert sorted(titles) == ["Build the shop", "Print a sign", "Test it"]


def test_what_is_done_or_out_of_scope_is_left_out():
    one = plan(
        "- [x] Sign the contract\n- [ ] Build the shop\n\nOut of scope:\n- Payments\n\n```\n- code\n```\n\n> - a quoted prompt"
    )
    assert list(deliverables(one)) == ["Build the shop"]
    assert "Not part of it: Payments." in one.notes


@for_each(
    "text, day",
    [
        ("Deadline: 06/25/2026", "2026-06-25"),
        ("Deadline: 25/06/2026", "2026-06-25"),
        ("Deadline: 25.06.2026", "2026-06-25"),
        ("Due date: June 25, 2026", "2026-06-25"),
        ("Deadline: end of June", "2026-06-30"),
        ("Launch date: Q2 2026", "2026-06-30"),
        ("## Deadline\n30 June 2026", "2026-06-30"),
        ("## Deadline: 30 June 2026", "2026-06-30"),
        ("## Target launch\n**30 June 2026**", "2026-06-30"),
        ("Deadline: 30 June", "2026-06-30"),
        ("## Timeline\nThe fair must be ready by 12 May 2026.", "2026-05-12"),
        ("Target: Dec 2026", "2026-12-31"),
        ("Échéance : avant le 1er juin 2026", "2026-06-01"),
        ("Deadline: 31/02/2026", None),
        ("Deadline: 13/13/2026", None),
        ("Deadline: 05/06/2026", None),
        ("Deadline: 06/06/2026", "2026-06-06"),
        ("Nous devons livrer pour la fête.\n\nÉchéance : 05/06/2026", "2026-06-05"),
        ("Wir bauen mit der Stadt einen Laden.\n\nAbgabe: spätestens 15. Juni 2026", "2026-06-15"),
        ("Fecha límite: 15 de junio de 2026", "2026-06-15"),
        ("Nous devons livrer pour la fête.\n\nÉchéance : 05/06/26", "2026-06-05"),
        ("Launch date: Q1-Q2 2026", "2026-06-30"),
        ("Last updated: June 2026", None),
        ("Prices hold until 30 June 2026.", None),
        ("Registration closes before the close of 2 October.", None),
    ],
)
def test_deadline_is_read_only_where_the_brief_states_one(text, day):
    roadmap = plan("- Build the shop\n\n" + text)
    ends = (
        None if roadmap.start_date is None else str((roadmap.start_date + timedelta(roadmap.days - 1)).date())
    )
    assert ends == day


def test_range_of_days_beside_a_heading_takes_the_year_that_follows():
    text = (
        "## Phase 1: Setup\n- Build tents\n## Phase 2: Fair (August 29 - September 1, 2026)\n- Open the gates"
    )
    roadmap = plan(text)
    start = roadmap.start_date.date()
    # The first phase has no time of its own, and comes before.
    assert start == TODAY
    assert start + timedelta(roadmap.phases[1].start_day) == date(2026, 8, 29)
    assert start + timedelta(roadmap.phases[1].end_day) == date(2026, 9, 1)


def test_year_after_the_last_day_holds_for_the_days_before():
    reader = DateReader(TODAY)

    def read(text):
        return [(period.first, period.last) for _, period in reader.scan(text)[0]]

    turn_of_the_year = [(date(2026, 12, 29),) * 2, (date(2027, 1, 4),) * 2]
    assert read("December 29 until January 4, 2027") == turn_of_the_year
    # Without a year, each is the next day of that date.
    assert read("February 3 or June 9") == [(date(2027, 2, 3),) * 2, (date(2026, 6, 9),) * 2]


def test_quarters_over_the_turn_of_the_year_begin_in_the_year_before():
    roadmap = plan("## Phase 1: Setup (Q4-Q2 2027)\n- Build tents\n## Phase 2: Fair\n- Open the gates")
    first, start = roadmap.phases[0], roadmap.start_date.date()
    days = [start + timedelta(day) for day in (first.start_day, first.end_day)]
    assert days == [date(2026, 10, 1), date(2027, 6, 30)]


def test_versions_and_addresses_are_no_dates():
    for text in ("Runs with version 1.2.10", "On the server 10.1.2.12", "On the server 10.20.12.11"):
        assert DateReader(TODAY).scan(text)[0] == []
    (period,) = (period for _, period in DateReader(TODAY, "de").scan("Abgabe: 01.02.27")[0])
    assert period.first == date(2027, 2, 1)


def test_what_stands_under_a_theme_is_of_that_theme_however_deep():
    text = "## Risks\n### Technical\n- Old servers\n\n## Work\n- Build the shop"
    roadmap = plan(text)
    assert list(deliverables(roadmap)) == ["Build the shop"]
    assert "Risks: Old servers." in roadmap.notes


def test_rows_of_a_table_are_phases_rather_than_numbered_items_below_it():
    table = "| Phase | Time |\n|---|---|\n| Study | 2 weeks |\n| Build | 3 weeks |\n"
    assert list(phases(plan(f"{table}\n- Week 1: Ask\n- Week 2: Write"))) == ["Study", "Build"]


def test_labels_lead_ins_and_marks_are_read_as_headings():
    text = (
        "Budget: 3000 euros\n\n**Must have**\n- Login\n  with\n   two factors\n\n"
        "What we do not need:\n- Chat\n\nWE WORK AS A TEAM OF THREE\n"
    )
    roadmap = plan(text)
    expected = {"Login with two factors": "high"}
    assert {title: item.priority for title, item in deliverables(roadmap).items()} == expected
    assert "Constraints: 3000 euros." in roadmap.notes
    assert "Not part of it: Chat." in roadmap.notes


@for_each(
    "heading",
    [
        "Stack technique",
        "Target customers",
        "Notes",
        "Out of scope (Phase 2)",
        "Non-goals for V1",
        "Équipe projet",
        "Projektrisiken und Gegenmaßnahmen",
        "Fuera de alcance",
    ],
)
def test_sections_about_the_project_are_no_phases(heading):
    text = f"## {heading}\n- One thing\n- Another thing\n\n## Shop\n- Build it\n\n## Sign\n- Paint it"
    assert phases(plan(text)) == {"Shop": ["Build it"], "Sign": ["Paint it"]}


def test_priority_and_duration_in_brackets_belong_to_the_deliverable():
    planned = deliverables(plan("## Work\n- Login (P1)\n- Dark mode (nice to have)\n- Export (2 weeks)"))
    expected = {"Login": "medium", "Dark mode": "low", "Export": "medium"}
    assert {title: item.priority for title, item in planned.items()} == expected
    assert planned["Export"].end_day == 13


def test_part_of_a_phase_with_only_text_is_a_deliverable_with_the_text():
    text = "## Phase 1: Move\nAll in May.\n### Pack\nIn boxes.\n### Drive\nWith two vans.\n## Phase 2: Rest\n- Sleep"
    first, _ = plan(text).phases
    assert first.description == "All in May."
    expected = [("Pack", "In boxes."), ("Drive", "With two vans.")]
    assert [(item.title, item.description) for item in first.deliverables] == expected


def test_milestones_with_days_end_on_them():
    roadmap = plan("Start: 2026-05-04\n\n## Milestones\n- Prototype by 1 June 2026\n- Launch by 1 July 2026")
    assert [phase.end_day for phase in roadmap.phases] == [28, 58]


def test_a_brief_has_more_topics_than_a_project_has_columns():
    text = "".join(f"## Topic {place}\n- [ ] Thing {place}\n- [ ] Other {place}\n" for place in range(70))
    roadmap = plan(text)
    check(roadmap)
    assert len(deliverables(roadmap)) == 140


def test_brief_of_prose_says_so_and_asks_for_the_work():
    note = "No list in the brief is evidently work. Sentences of running text do not become cards."
    assert note in plan(PROSE).notes
    assert ask(PROSE)["work"].required


def test_a_brief_that_names_no_work_is_a_plan_to_find_out():
    assert phases(plan("", name="Moonshot")) == {"Moonshot": ["List the work to be done"]}


def test_durations_beyond_the_time_there_is_are_shortened():
    answers = {"start": "2026-05-01", "deadline": "2026-05-28"}
    tight = plan("## Plan\n1. Design (2 weeks)\n2. Build (6 weeks)", answers=answers)
    assert [phase.end_day for phase in tight.phases] == [6, 27]
    assert tight.notes[-1] == "The durations add up to 56 days, and 28 are available: all are shortened."


def test_end_before_the_start_is_not_used():
    roadmap = plan("- Build the shop", answers={"start": "2026-06-01", "deadline": "2026-05-01"})
    assert any(note.startswith("The end date 2026-05-01 is before the start") for note in roadmap.notes)


def test_what_matters_most_and_what_can_wait():
    answers = {"first": "Build the shop", "later": ["Print a sign"]}
    planned = deliverables(plan("- Build the shop\n- Print a sign\n- Film a clip", answers=answers))
    assert [item.priority for item in planned.values()] == ["high", "low", "medium"]


def test_answers_stand_over_what_was_read():
    roadmap = plan(
        "Start: 4 May 2026\n\n- Build it", answers={"start": "2026-06-01", "deadline": "2026-06-30"}
    )
    assert (str(roadmap.start_date.date()), roadmap.days) == ("2026-06-01", 30)


def test_questions_are_in_the_language_of_the_brief():
    text = "# Jardin\n\nNous voulons créer un jardin pour les habitants.\n\n## Étape 1 : Terrain (2 semaines)\n- Trouver un terrain\n## Étape 2 : Sol\n- Préparer le sol"
    assert next(iter(ask(text).values())).text == "Ces éléments ressemblent aux phases. Lesquels en sont ?"
    assert phases(plan(text)) == {"Terrain": ["Trouver un terrain"], "Sol": ["Préparer le sol"]}
    english = "# Shop\n\nThis is the plan of the shop.\n\nEst. duration: 3 weeks\n\n- Build it"
    assert next(iter(ask(english).values())).text.startswith("The brief names no phases")


def test_an_entry_takes_so_many_steps_and_goes_on_over_lines():
    roadmap = plan("- Build the shop\n" + "".join(f"  - step {number}\n" for number in range(300)))
    assert [len(item.checklist) for item in deliverables(roadmap).values()] == [100]
    roadmap = plan("- Build the shop\n  in May\n  - paint\n    it red\n")
    (item,) = deliverables(roadmap).values()
    assert (item.title, item.checklist) == ("Build the shop in May", ["paint it red"])


def test_a_row_of_a_table_without_a_name_is_no_work():
    roadmap = plan("| Task | By |\n|---|---|\n|  | Ann |\n| Build a shop | Ann |\n")
    assert list(deliverables(roadmap)) == ["Build a shop"]


def test_a_title_of_nothing_but_quotes_names_no_phase():
    roadmap = plan("- Build: a\n- Draw the “”\n- “”\n- (“)\n- Test\n")
    assert all(name.strip("“”() ") for name in phases(roadmap))


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


def check(roadmap):
    """Check the limits that a project to be created must keep."""
    assert 1 <= len(roadmap.phases) <= 50
    planned = [deliverable for phase in roadmap.phases for deliverable in phase.deliverables]
    assert 1 <= len(planned) <= 500
    for phase in roadmap.phases:
        assert 1 <= len(phase.name.strip()) <= 100
        assert 0 <= phase.start_day <= phase.end_day < roadmap.days
        assert phase.deliverables
    for deliverable in planned:
        assert 1 <= len(deliverable.title.strip()) <= 500
        assert len(deliverable.description or "") <= 5_000
        assert len(deliverable.checklist) <= 100
        assert all(1 <= len(step.strip()) <= 500 for step in deliverable.checklist)
        assert 0 <= deliverable.start_day <= deliverable.end_day < roadmap.days


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
    given_answers = {}
    for id, answer in {**answers, **more}.items():
        before = score if given_answers else reader.refine(brief(text), 1).score
        given_answers = {**given_answers, id: answer}
        score = reader.refine(brief(text, answers=given_answers), 1).score
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
        "## MVP\n",
        "é",
        "and and, ",
        "- Build page number 7 of 49\n",
        BRIEF,
        FRENCH,
    ],
)
def test_time_grows_with_the_length_and_no_faster(unit):
    text = (unit * (LENGTH // len(unit) + 1))[:LENGTH]
    roadmaps = []
    half = max(measure_cpu_time(lambda: plan(text[: LENGTH // 2]), tries=2, enough=0.05), 0.05)
    assert measure_cpu_time(lambda: roadmaps.append(plan(text)), tries=2, enough=3.5 * half) < 3.5 * half
    check(roadmaps[0])


@pytest.mark.parametrize("unit", ["a, ", "(a, ", "(a), ", "a), "])
def test_entries_of_a_line_are_split_in_linear_time(unit):
    half, whole = (
        measure_cpu_time(lambda text=unit * count: split_entries(text), tries=3) for count in (5_000, 20_000)
    )
    assert whole < 10 * max(half, 0.005)
    assert split_entries("a (b, c), d, and e") == ["a (b, c)", "d", "e"]


def test_marks_and_names_of_phases_are_compared_in_linear_time(monkeypatch):
    class Word(str):
        __slots__ = ()
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Word.compared += 1
            return str.__eq__(self, other)

    def find_marker(text):
        marker = vocabulary.find_marker(text)
        return marker and evolve(marker, kind=Word(marker.kind))

    monkeypatch.setattr(reading, "find_marker", find_marker)
    monkeypatch.setattr(reading, "to_title", lambda *arguments: Word(to_title(*arguments)))
    plan("".join(f"- v1.{number} build\n" for number in range(200)))
    assert 200 < Word.compared < 20 * 200


def test_citations_fold_each_line_once(monkeypatch):
    folded = []
    monkeypatch.setattr(models, "fold", lambda text: folded.append(text) or text.lower())
    lines = models.CitedLines(brief("\n".join(f"line {number} of it" for number in range(100))))
    for number in range(50):
        assert lines.find_source("Line", f"no such text {number}") is None
    assert len(folded) == 100 + 50


@given(lines=LINES)
def test_what_is_planned_can_be_told_and_read_again(lines):
    from stellary.contract.project_imports import ImportProject

    roadmap = plan("\n".join(lines))
    file = {
        "project": {"name": "x"},
        "columns": [{"name": phase.name} for phase in roadmap.phases],
        "cards": [
            {
                "title": deliverable.title,
                "columnIndex": place,
                "priority": deliverable.priority,
                "checklist": [{"title": step} for step in deliverable.checklist],
            }
            for place, phase in enumerate(roadmap.phases)
            for deliverable in phase.deliverables
        ],
    }
    assert load(ImportProject, file)
