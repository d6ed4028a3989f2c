"""Feedback: what is said in plain words is done to the plan, and what is not understood is told."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.wizard import FEEDBACK_MAX
from stellary.core.wizard.rules import feedback as feedback_module
from tests.core.wizard.test_planning import check, deliverables, phases, plan
from tests.support.core_parts import Grammar
from tests.support.cpu_time import measure_cpu_time

TEXT = """Phase 1: Discovery
- Interview users
- Audit the site
Phase 2: Design
- Sketch the pages
- Draw the logo
Phase 3: Build
- Develop the shop
- Import the products
Phase 4: Launch
- Train the staff
- Announce it"""
START = {
    "Discovery": ["Interview users", "Audit the site"],
    "Design": ["Sketch the pages", "Draw the logo"],
    "Build": ["Develop the shop", "Import the products"],
    "Launch": ["Train the staff", "Announce it"],
}


def names(*feedback):
    return list(phases(plan(TEXT, *feedback)))


def reasons(*feedback):
    return [sentence.reason for sentence in plan(TEXT, *feedback).not_understood]


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [
        ("add a phase for testing", "Discovery Design Build Launch Testing"),
        ("Add a testing phase before Design.", "Discovery Testing Design Build Launch"),
        (
            "please add a new phase called Marketing at the beginning",
            "Marketing Discovery Design Build Launch",
        ),
        ("we need a phase QA after build", "Discovery Design Build QA Launch"),
        ("add phases for testing and handover", "Discovery Design Build Launch Testing Handover"),
        ("remove Discovery", "Design Build Launch"),
        ("Please remove the phase “Discovery”.", "Design Build Launch"),
        ("remove phases 1 and 2", "Build Launch"),
        ("remove the Launch phase", "Discovery Design Build"),
        ("remove the first phase", "Design Build Launch"),
        ("merge Launch and Build", "Discovery Design Build,launch"),
        ("merge Design into Build as Making", "Discovery Making Launch"),
        ("merge Build and Launch", "Discovery Design Build,launch"),
        ("merge phases 1 and 2", "Discovery,design Build Launch"),
        ("rename phase 2 to Look", "Discovery Look Build Launch"),
        ("split Build into shop and products", "Discovery Design Shop Products Launch"),
        ("move Launch before Build", "Discovery Design Launch Build"),
        ("move Design after Launch", "Discovery Build Launch Design"),
        ("make Design the last phase", "Discovery Build Launch Design"),
        ("put Build first", "Build Discovery Design Launch"),
        ("swap Design and Build", "Discovery Build Design Launch"),
        ("move Discovery into Design", "Design,discovery Build Launch"),
        ("at most 2 phases", "Discovery,design Build,launch"),
        ("fewer phases", "Discovery,design Build Launch"),
        ("we want fewer phases", "Discovery,design Build Launch"),
        ("remove Discovery and rename Launch to Party; swap Design and Build", "Build Design Party"),
        ("ajoute une phase de tests avant Launch", "Discovery Design Build Tests Launch"),
        ("supprime Discovery", "Design Build Launch"),
        ("fusionne Design et Build", "Discovery Design,build Launch"),
    ],
)
def test_phases_are_changed(feedback, expected):
    assert " ".join(name.replace(", ", ",") for name in names(feedback)) == expected
    assert reasons(feedback) == []


def test_splitting_without_names_makes_halves():
    assert names("split Build") == [
        "Discovery",
        "Design",
        "Develop the shop",
        "Import the products",
        "Launch",
    ]


@pytest.mark.parametrize(
    ("feedback", "phase", "expected"),
    [
        ("add a newsletter to Launch", "Launch", ["Train the staff", "Announce it", "Newsletter"]),
        ("add a task to translate the texts in Build", "Build", [*START["Build"], "Translate the texts"]),
        ("add deliverable: sketch the shop", "Design", [*START["Design"], "Sketch the shop"]),
        ("delete the logo", "Design", ["Sketch the pages"]),
        ("no audit", "Discovery", ["Interview users"]),
        ("move the logo to Build", "Build", [*START["Build"], "Draw the logo"]),
        ("move announce it first", "Launch", ["Announce it", "Train the staff"]),
        ("move the logo before interview users", "Discovery", ["Draw the logo", *START["Discovery"]]),
        ("rename Announce it to Tell everybody", "Launch", ["Train the staff", "Tell everybody"]),
        ("merge sketch the pages and draw the logo as Drawings", "Design", ["Drawings"]),
        ("move the logo after Launch", "Launch", [*START["Launch"], "Draw the logo"]),
        ("enlève le logo", "Design", ["Sketch the pages"]),
    ],
)
def test_deliverables_are_changed(feedback, phase, expected):
    assert phases(plan(TEXT, feedback))[phase] == expected
    assert reasons(feedback) == []


def test_steps_weights_and_days_of_deliverables():
    changed = deliverables(
        plan(
            TEXT,
            "start on 2026-05-04. The import is urgent. Announce it can wait. Add checklist: proofs, colours, sizes to the logo."
            " Interview users takes 20 days. The audit is due on 2026-06-30. Sketch the pages is due on 2026-06-10.",
        )
    )
    assert changed["Import the products"].priority == "high"
    assert changed["Announce it"].priority == "low"
    assert changed["Draw the logo"].checklist == ["proofs", "colours", "sizes"]
    assert changed["Interview users"].end_day - changed["Interview users"].start_day == 19
    assert (changed["Audit the site"].end_day, changed["Sketch the pages"].end_day) == (57, 37)


@pytest.mark.parametrize(
    ("feedback", "start", "days"),
    [
        ("start on 2026-05-01", "2026-05-01", 56),
        ("Start in May 2027", "2027-05-01", 56),
        ("begin in two weeks", "2026-04-15", 56),
        ("commence le 4 mai 2026", "2026-05-04", 56),
        ("finish by 30 June 2026", "2026-04-01", 91),
        ("start on 2026-06-01. deadline: 2026-06-30", "2026-06-01", 30),
        ("in 6 weeks", None, 42),
        ("make it 30 days", None, 30),
        ("shorter", None, 42),
        ("make it shorter, please", None, 42),
        ("plus court", None, 42),
        ("longer", None, 74),
        ("Build takes 3 weeks", None, 63),
        ("make it 40 days; shorter", None, 30),
    ],
)
def test_time_is_changed(feedback, start, days):
    roadmap = plan(TEXT, feedback)
    assert (roadmap.start_date and str(roadmap.start_date.date()), roadmap.days) == (start, days)
    assert reasons(feedback) == []


def test_a_later_start_moves_a_deadline_that_would_be_before_it():
    roadmap = plan(TEXT, "start on 2026-06-01; deadline 2026-06-30; start on 2026-08-01")
    assert (str(roadmap.start_date.date()), roadmap.days) == ("2026-08-01", 30)


@pytest.mark.parametrize(
    ("feedback", "reason"),
    [
        ("paint it blue", "no such change is known"),
        ("remove the moon", "nothing in the roadmap is called “moon”"),
        ("delete phase 9", "nothing in the roadmap is called “9”"),
        ("move Build before Build", "both are the same"),
        ("merge Build and Build", "both are the same"),
        ("swap Build and Build", "both are the same"),
        ("merge the logo and the logo", "both are the same"),
        ("move the logo before the logo", "both are the same"),
        ("move Build into Build", "both are the same"),
        ("add a phase", "no such change is known"),
        ("add a phase called phase", "no such change is known"),
        ("make it some weeks", "no such change is known"),
        ("remove the phase", "nothing in the roadmap is called"),
        ("start soon", "it names no date"),
        ("in 0 weeks", "it names no duration"),
        ("Build takes blue weeks", "it names no duration"),
        ("undo", "there is nothing to undo"),
        ("rename the to x", "nothing in the roadmap is called"),
        ("x" * 400, "no such change is known"),
        ("remove Discovery, Design, Build and Launch", "a roadmap has at least one phase"),
    ],
)
def test_what_is_not_understood_is_told_and_changes_nothing(feedback, reason):
    (reason_text,) = reasons(feedback)
    assert reason_text.startswith(reason)
    assert phases(plan(TEXT, feedback)) == START


@pytest.mark.parametrize(
    ("feedback", "word", "form"),
    [
        ("rename Launch", "rename Launch", "rename X to Y"),
        ("remov Discovery", "remov Discovery", "remove X"),
        ("make it some weeks", "some", "make it shorter; make X urgent; make PHASE the last phase"),
        ("could you merge Build?", "could you merge Build", "merge X and Y"),
        ("swap Build", "swap Build", "swap PHASE and PHASE"),
    ],
)
def test_refusal_names_the_word_and_a_similar_change(feedback, word, form):
    (reason,) = reasons(feedback)
    assert reason == f"no such change is known: “{word}” is not understood; a similar change is: {form}"


def test_one_feedback_has_at_most_30_changes():
    roadmap = plan(TEXT, "; ".join(f"add step {number} to Launch" for number in range(40)))
    assert [len(phase.deliverables) for phase in roadmap.phases] == [2, 2, 2, 32]
    assert {item.reason for item in roadmap.not_understood} == {"one feedback has at most 30 changes"}


def test_refusal_of_a_french_brief_is_french():
    (sentence,) = plan(
        "# Jardin\n\nLe plan est pour nous.\n- Creuser la mare", "renomme la mare"
    ).not_understood
    assert sentence.reason.endswith("un changement semblable : renomme X en Y")


def test_every_suggested_change_is_understood():
    forms = Grammar(Path(feedback_module.__file__)).vocabulary["forms"]
    names = {"X": "Draw the logo", "Y": "Sketch the pages", "PHASE": "Build"}
    changes = [form for pair in forms.values() for text in pair for form in re.split(" ?; ", text)]
    assert len(changes) > 25
    for change in changes:
        text = re.sub(r"\b(X|Y|PHASE)\b", lambda name: names[name[1]], change)
        text = re.sub("Build (and|et) Build", r"Build \1 Launch", text)
        assert reasons(text) == [], text


def test_every_change_in_the_guide_is_understood():
    grammar = Grammar(Path(feedback_module.__file__))
    guide = (Path(__file__).parents[3] / "docs/guides/wizard.md").read_text(encoding="utf-8")
    table = guide.partition("| kind | examples |")[2].partition("\n\n")[0]
    changes = re.findall("`([^`]+)`", table)
    assert len(changes) > 20
    for change in changes:
        grammar.parse(change.lower())


def test_words_of_a_name_in_full_are_no_keywords():
    text = (
        "Phase 1: Move to the cloud\n- Add users and groups\n- Start page is online\nPhase 2: Rest\n- Sleep"
    )
    (first, second) = plan(
        text,
        "rename Move to the cloud to Cloud. Add users and groups is urgent. Move start page is online to Rest",
    ).phases
    assert (first.name, [item.priority for item in first.deliverables]) == ("Cloud", ["high"])
    assert [item.title for item in second.deliverables] == ["Sleep", "Start page is online"]


@pytest.mark.parametrize(
    "part", ["a phase before ", "move it to ", "“", "add a to ", "x, add ", ". ", "remove a and ", " ", "is "]
)
def test_feedback_of_maximum_length_is_read_in_linear_time(part):
    def measure(length):
        return measure_cpu_time(lambda: plan(TEXT, "move " + (part * length)[:length]), enough=0.05)

    short, long = max(measure(FEEDBACK_MAX // 4), 0.05), measure(FEEDBACK_MAX)
    assert long < 16 * short


def test_between_two_things_nothing_is_guessed():
    (sentence,) = plan("- Build the small shop\n- Build the large shop", "remove the shop").not_understood
    assert sentence.reason == ("“shop” could be “Build the small shop”, “Build the large shop”")


def test_a_misspelt_name_is_refused_with_similar_ones():
    roadmap = plan("- Sprint 11\n- Sprint 10", "remove Sprint 12. Rename Sprnt 11 to Last.")
    assert [sentence.reason for sentence in roadmap.not_understood] == [
        "“Sprint 12” could be “Sprint 11”, “Sprint 10”",
        "“Sprnt 11” could be “Sprint 11”, “Sprint 10”",
    ]
    (sentence,) = plan("- Client B\n- Client", "remove Client A").not_understood
    assert sentence.reason == "“Client A” could be “Client B”, “Client”"


def test_a_deliverable_for_a_misspelt_phase_is_refused():
    roadmap = plan(TEXT, "add “Tax” to Lanch. Add a link to Excel to Launch.")
    assert [sentence.reason for sentence in roadmap.not_understood] == ["“Lanch” could be “Launch”"]
    assert "Link to Excel" in phases(roadmap)["Launch"]
    assert not any("Tax" in title for titles in phases(roadmap).values() for title in titles)


def test_what_is_understood_is_done_whatever_else_is_reasons():
    roadmap = plan(TEXT, "remove Discovery. Paint it blue. Rename Launch to Party.")
    assert list(phases(roadmap)) == ["Design", "Build", "Party"]
    assert [sentence.text for sentence in roadmap.not_understood] == ["Paint it blue"]


def test_feedback_adds_up_and_can_be_taken_back():
    assert names("remove Discovery", "rename Launch to Party") == ["Design", "Build", "Party"]
    assert names("remove Discovery", "rename Launch to Party", "undo") == ["Design", "Build", "Launch"]
    assert names("remove Discovery", "rename Launch to Party", "start over") == list(START)
    assert names("remove Discovery", "start over", "undo") == ["Design", "Build", "Launch"]
    assert reasons("paint it blue", "remove Discovery") == []


def test_a_phase_is_meant_before_what_is_in_it_and_called_the_same():
    assert names("add a phase for testing", "remove testing") == list(START)


def test_a_phase_of_one_thing_is_not_split():
    (sentence,) = plan("Phase 1: Garden\n- Dig\nPhase 2: House\n- Paint", "split Garden").not_understood
    assert sentence.reason == "there is nothing to split in it"


def test_phases_that_are_merged_take_as_long_as_both():
    (merged,) = plan("- M1 (2 weeks): look\n- M2 (6 weeks): act", "merge phases 1 and 2").phases
    assert merged.end_day == 55


def test_a_roadmap_has_so_many_phases_at_most():
    many = "\n".join(f"Phase {place}: Part {place}\n- Build {place} things" for place in range(1, 51))
    (sentence,) = plan(many, "add a phase for testing").not_understood
    assert sentence.reason == "a roadmap has at most 50 phases"
    (sentence,) = plan(many, "split Part 3").not_understood
    assert sentence.reason == "a roadmap has at most 50 phases"


WORDS = [
    "add",
    "a",
    "phase",
    "for",
    "testing",
    "the",
    "before",
    "after",
    "Design",
    "Build",
    "Launch",
    "to",
    "in",
    "into",
    "and",
    "merge",
    "split",
    "move",
    "make",
    "it",
    "is",
    "all",
    "at",
    "first",
    "last",
    "checklist",
    "with",
    "by",
    "on",
    "start",
    "1",
    "2",
    "weeks",
    "takes",
    "priority",
    "high",
    "logo",
    "remove",
    "rename",
    "undo",
    "start",
    "over",
    "shorter",
    ".",
    ";",
    ",",
    "deadline",
    "2026-05-01",
]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join), max_size=6))
def test_whatever_is_said_the_plan_stays_one(feedback):
    check(plan(TEXT, *feedback))


@pytest.mark.parametrize("word", ["a phase before ", "move it to ", "is it ", "merge and ", "1 week takes "])
def test_time_grows_with_the_length_of_feedback_and_no_faster(word):
    def plan_with(length):
        return lambda: plan(TEXT, *[(word * 200)[:length]] * 20)

    half = max(measure_cpu_time(plan_with(145), enough=0.05), 0.05)
    # Many tries, since processes beside this one slow it down for a while.
    assert measure_cpu_time(plan_with(290), tries=20, enough=3 * half) < 3 * half


def test_letters_that_change_their_length_when_they_are_lowered_are_no_reason_to_hit_something_else():
    assert reasons("remove the straße İ logo") == ["nothing in the roadmap is called “straße İ logo”"]
    assert reasons("rename Straße to x and remove the logo") == ["nothing in the roadmap is called “Straße”"]
    assert list(phases(plan(TEXT, "remove Straße İ"))) == list(START)


def test_a_name_of_nothing_is_no_name():
    assert reasons("remove ''") == ["nothing in the roadmap is called “”"]
    assert reasons("add '' to Design")[0].startswith("no such change is known")
    assert phases(plan(TEXT, "add '' to Design", "remove ''")) == START


@pytest.mark.parametrize(
    "feedback",
    [
        "Add two more weeks to Design",
        "Add 2 weeks to Build",
        "Add a week",
        "Add more time for Build",
        "We need more time",
        "We need it sooner",
        "We need to launch earlier",
        "We want to see the dates",
        "Add more detail",
        "Can you add more details to each phase?",
        "Add dates",
        "Add nothing",
        "Add a 10% buffer",
        "Add some buffer between the phases",
        "Add two phases",
        "Add 2 phases for testing",
        "Add a phase for each country",
        "Add a phase between Design and Build",
        "Insert Design review between Design and Build",
        "Include only Discovery",
        "Skip to Launch",
        "In Build, add payment",
        "Ajoute deux semaines à Design",
        "Ajoute une phase entre Design et Build",
    ],
)
def test_change_that_names_no_part_is_refused(feedback):
    assert phases(plan(TEXT, feedback)) == phases(plan(TEXT))
    assert len(reasons(feedback)) == 1


@pytest.mark.parametrize(
    ("feedback", "phase", "title"),
    [
        ("Add time tracking to Build", "Build", "Time tracking"),
        ("Add a link between shop and CRM to Build", "Build", "Link between shop and CRM"),
        ("Add IT to Design", "Design", "IT"),
        ("Add a deadline tracker to Launch", "Launch", "Deadline tracker"),
        ("Add weekly reports to Launch", "Launch", "Weekly reports"),
        ("Remove the logo and add a mood board to Design instead", "Design", "Mood board"),
    ],
)
def test_added_deliverable_has_the_name_alone(feedback, phase, title):
    assert reasons(feedback) == []
    assert phases(plan(TEXT, feedback))[phase][-1] == title
