"""Drafts: framed, refined and planned; what each step takes, and what it leads to."""

from collections import Counter
from datetime import date
from functools import partial

import pytest

from stellary.contract.refs import DraftRef
from stellary.contract.wizard import (
    FEEDBACKS_MAX,
    CreateProjectDraft,
    Deliverable,
    GenerateRoadmap,
    Phase,
    Question,
    RefineProjectDraft,
    Roadmap,
)
from stellary.core import Refinement
from stellary.core.wizard import drafts, planning
from stellary.core.wizard.drafts import create_project_draft
from stellary.core.wizard.reader import BriefReader
from tests.core.wizard.draft_api import BRIEF
from tests.support.concurrency import answered_meanwhile
from tests.support.tables import project_drafts as drafts_table
from tests.support.world import at_once


def plan_titles(api, draft):
    """Plan a draft, and return the titles of its deliverables."""
    phases = api.plan(draft)["roadmap"]["phases"]
    return [deliverable["title"] for phase in phases for deliverable in phase["deliverables"]]


def test_a_draft_is_made_of_a_brief_and_asks_at_once(api):
    draft = api.draft(description="Sell soap.", contextDocuments=[{"content": "- Build the shop"}])
    assert (draft["stage"], draft["round"], draft["version"]) == ("framing", 1, 1)
    assert draft["contextDocuments"] == [{"title": "", "content": "- Build the shop"}]
    assert [question["round"] for question in draft["questions"]] == [1] * 4
    assert (draft["roadmap"], draft["answers"], draft["projectId"]) == (None, [], None)
    assert api.read(draft) == draft


def test_what_the_brief_says_is_not_asked(api):
    draft = api.draft(description=BRIEF)
    assert [question["id"] for question in draft["questions"]] == ["phases", "goal", "place_3", "decision_0"]
    draft = api.refine(draft, phases=["Study", "Design", "Build"])
    expected = ["weeks_1", "weeks_2", "audience", "success"]
    assert [question["id"] for question in draft["questions"]] == expected


def test_questions_come_in_five_formats_over_at_most_four_rounds(api):
    draft = api.draft(name="Shop")
    seen = []
    good = {"text": "build a page; paint a sign; rent a room", "number": 3, "date": "2027-01-31"}
    while draft["questions"]:
        seen += draft["questions"]
        answers = {}
        for question in draft["questions"]:
            first = question["options"][:1]
            usual = first if question["format"] == "multi_choice" else "".join(first)
            answers[question["id"]] = good.get(question["format"], usual)
        draft = api.refine(draft, **answers)
    assert {question["format"] for question in seen} == {*good, "single_choice", "multi_choice"}
    assert {question["round"] for question in seen} == {1, 2, 3, 4}
    assert len({question["id"] for question in seen}) == len(seen) == len(draft["answers"])
    assert draft["readinessScore"] > 90


def test_later_questions_stand_on_earlier_answers(api):
    draft = api.draft(name="Shop")
    draft = api.refine(draft, phases=["Design", "Launch"], work="build a page; paint a sign; rent a room")
    questions = {question["id"]: question for question in draft["questions"]}
    assert questions["place_99"]["options"] == ["Design", "Launch", "A phase of its own", "Leave it out"]
    assert questions["weeks_1"]["text"] == "How many weeks does “Design” take?"
    draft = api.refine(draft, place_99="Design", weeks_1=3)
    draft = api.refine(draft, limits=["A budget"], audience="Neighbours")
    questions = {question["id"]: question for question in draft["questions"]}
    assert questions["limits_detail"]["text"] == "What are the details of: A budget? One item per line."
    assert questions["first"]["options"] == ["Build a page", "Paint a sign", "Rent a room"]
    roadmap = api.plan(draft)["roadmap"]
    expected = [("Design", 20), ("Launch", 34)]
    assert [(phase["name"], phase["endDay"]) for phase in roadmap["phases"]] == expected
    titles = [item["title"] for item in roadmap["phases"][0]["deliverables"]]
    assert titles == ["Build a page", "Paint a sign", "Rent a room"]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"work": "x", "color": "red"}, "answers.color must be an answer to a question of this draft"),
        ({"work": 5}, "answers.work must be a string"),
        ({"work": "  "}, "answers.work must not be blank"),
        ({"work": "x" * 5001}, "answers.work must be 1 to 5000 characters"),
        ({"work": None}, "answers.work must be a string"),
        ({"work": "x", "deadline": "soon"}, "answers.deadline must be an ISO 8601 date"),
        ({"work": "x", "deadline": "2026-02-30"}, "answers.deadline must be an ISO 8601 date"),
        ({"goal": "x"}, "answers.work is required"),
    ],
)
def test_answers_are_checked_against_their_questions(api, answers, message):
    draft = api.draft()
    assert api.problem(draft, "refine", {"answers": answers}) == (400, message)
    assert api.read(draft) == draft


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"weeks_1": "3"}, "answers.weeks_1 must be a number"),
        ({"weeks_1": True}, "answers.weeks_1 must be a number"),
        ({"weeks_1": 0}, "answers.weeks_1 must be 1 to 500"),
        ({"phases": "Design"}, "answers.phases must be a list"),
        ({"phases": ["Magic"]}, "answers.phases [0] must be one of Preparation, "),
        ({"phases": ["Design", "Design"]}, "answers.phases [1] must not be given twice"),
    ],
)
def test_numbers_and_choices_are_checked(api, answers, message):
    draft = api.refine(api.draft(), work="build a page", phases=["Design"])
    status, reason = api.problem(draft, "refine", {"answers": answers})
    assert (status, reason[: len(message)]) == (400, message)


def test_an_earlier_answer_can_be_given_anew(api):
    draft = api.refine(api.draft(), work="build a page")
    again = api.refine(draft, work="build two pages")
    assert [answer["value"] for answer in again["answers"]] == ["build two pages"]
    assert (again["round"], again["questions"]) == (draft["round"], draft["questions"])


def test_asking_without_an_answer_changes_nothing_but_the_first_stage(api):
    looked = api.refine(api.draft())
    assert (looked["stage"], looked["round"], looked["version"]) == ("refinement", 1, 2)
    assert api.refine(looked) == looked
    planned = api.plan(looked)
    assert api.refine(planned) == planned


def test_an_answer_after_the_roadmap_asks_for_a_new_one(api):
    draft = api.plan(api.draft())
    assert draft["stage"] == "roadmap"
    after = api.refine(draft, work="Build a page")
    assert (after["stage"], after["roadmap"]) == ("refinement", None)
    assert api.problem(after, "execute") == (409, "the draft has no roadmap yet: generate it first")
    assert "Build a page" in plan_titles(api, after)


def test_a_roadmap_of_a_brief_that_is_not_ready_says_what_is_missing(api):
    draft = api.plan(api.draft(description="We must build a shop."))
    assert draft["readinessScore"] < 60
    assert draft["roadmap"]["notes"][0].startswith(
        f"The brief is {draft['readinessScore']} of 100 ready. Missing: phases with work; "
    )
    assert "The end date" in draft["missing"]
    draft = api.draft(description=BRIEF)
    assert draft["readinessScore"] >= 60
    assert not any(note.startswith("The brief is") for note in api.plan(draft)["roadmap"]["notes"])


def test_the_same_brief_makes_the_same_roadmap(api):
    one, two = (api.plan(api.draft(description=BRIEF)) for _ in range(2))
    assert one["roadmap"] == two["roadmap"]
    assert [phase["name"] for phase in api.plan(one)["roadmap"]["phases"]] == [
        phase["name"] for phase in one["roadmap"]["phases"]
    ]


@pytest.fixture
def reads_feedback(api):
    """Let the planner read feedback, as one with a model does whose fallback it is."""
    api.world.core.env.planner.reads_feedback = True


def test_feedback_that_no_model_has_read_is_listed_and_changes_nothing(api, reads_feedback):
    draft = api.plan(api.draft(description=BRIEF))
    after = api.plan(draft, "add a phase for marketing")
    assert after["feedback"] == ["add a phase for marketing"]
    assert [phase["name"] for phase in after["roadmap"]["phases"]] == ["Study", "Design", "Build"]
    (refused,) = after["roadmap"]["notUnderstood"]
    assert refused["text"] == "add a phase for marketing"
    assert refused["reason"].startswith("This needs a language model")
    draft = api.plan(api.refine(after, decision_0="Acme SMS"))
    assert "Open questions: Which text message provider do we use? Acme SMS." in draft["roadmap"]["notes"]


def test_feedback_is_taken_so_many_times(api, reads_feedback):
    draft = api.plan(api.draft())
    ref = api.workspace.ref.child(DraftRef, draft["id"])
    with api.world.core.begin(api.owner.actor) as uow:
        for _ in range(FEEDBACKS_MAX):
            drafts.generate_roadmap(uow, ref, GenerateRoadmap(feedback="shorter"))
    expected = (409, f"a draft accepts feedback at most {FEEDBACKS_MAX} times")
    assert api.problem(draft, "generate-roadmap", {"feedback": "shorter"}) == expected
    assert api.plan(draft)["stage"] == "roadmap"


def test_texts_are_limited_one_by_one_and_together(api):
    long = [{"content": "x" * 100_000}] * 2
    assert api.problem(None, "", {"name": "Shop", "description": "x", "contextDocuments": long}) == (
        400,
        "contextDocuments must not have more than 200000 characters together with the description",
    )


def document(api, **body):
    path = f"{api.workspace.path}/documents"
    where = {"contextType": "workspace", "contextId": api.workspace.id}
    return api.ask("POST", path, {"contentFormat": "markdown", **where, **body})


def test_documents_of_the_workspace_are_read_as_they_are_now(api):
    specification = document(
        api, title="Specification", content="## What we need\n\n- Build the shop\n- Print a sign"
    )
    draft = api.draft(contextDocuments=[{"content": "- Film a clip"}], documentIds=[specification["id"]])
    assert [document["title"] for document in draft["contextDocuments"]] == ["", "Specification"]
    api.ask("DELETE", f"{api.workspace.path}/documents/{specification['id']}")
    assert sorted(plan_titles(api, draft)) == ["Build the shop", "Film a clip", "Print a sign"]


def test_documents_are_counted_together_and_have_to_be_there(api):
    document_id = document(api, title="Specification", content="Well.")["id"]
    body = {"name": "Shop", "contextDocuments": [{"content": "x"}] * 20}
    expected = (400, "documentIds must not be more than 20 together with contextDocuments")
    assert api.problem(None, "", {**body, "documentIds": [document_id]}) == expected
    unknown = {"name": "Shop", "documentIds": [document_id, "a" * 24]}
    assert api.problem(None, "", unknown) == (400, "documentIds[1] must be the id of an existing item")
    with api.world.core.begin(api.owner.actor) as uow:
        draft = drafts.create_project_draft(
            uow, api.workspace.ref, CreateProjectDraft(name="Shop", document_ids=[document_id])
        )
    assert [document.content.strip() for document in draft.context_documents] == ["Well."]


def test_drafts_are_listed_newest_first_without_their_texts(api, statements):
    created = [api.draft(name=f"Draft {number}") for number in range(3)][::-1]
    with statements() as sent:
        listed = api.ask("GET", api.path)
    assert [item["name"] for item in listed] == ["Draft 2", "Draft 1", "Draft 0"]
    assert "description" not in listed[0]
    assert len(sent) == 2
    pages = [[item["id"] for item in page] for page in api.world.walk(api.owner, f"{api.path}?limit=2")]
    assert pages == [[draft["id"] for draft in created[:2]], [created[2]["id"]]]


def test_of_changes_at_once_each_is_made_or_refused(api, reads_feedback):
    draft = api.plan(api.draft(description=BRIEF))
    paths = ["add a phase for marketing", "shorter", "start on 2027-01-01"]

    def send(feedback):
        return api.world.status(api.owner, "POST", api.of(draft, "generate-roadmap"), {"feedback": feedback})

    answers = Counter(at_once(*[lambda text=text: send(text) for text in paths]))
    assert set(answers) <= {200, 409}
    after = api.read(draft)
    assert after["version"] == draft["version"] + answers[200]
    assert len(after["feedback"]) == answers[200] >= 1


def test_draft_of_an_earlier_version_still_opens_and_goes_on(api):
    """Drafts that were stored with other questions, and a roadmap of other rules, keep both."""
    draft = api.draft(name="Booking", description=BRIEF)
    question = {"options": [], "required": False, "min": None, "max": None, "round": 1}
    item = {"description": None, "priority": "low", "checklist": ["Proof"], "startDay": 0, "endDay": 6}
    phase = {"name": "Look", "description": None, "startDay": 0, "endDay": 6}
    roadmap = {
        "startDate": "2026-05-04T00:00:00Z",
        "days": 7,
        "notes": ["Not known: x."],
        "notUnderstood": [],
    }
    questions = [
        {**question, "id": "people", "text": "How many people?", "format": "number", "min": 1, "max": 1000},
        {**question, "id": "risk_0", "text": "What is done about this: “Old”?", "format": "text"},
        {**question, "id": "first", "text": "What first?", "format": "single_choice", "options": ["A", "B"]},
    ]
    columns = {
        "stage": "roadmap",
        "asked": questions,
        "open_ids": ["risk_0", "first"],
        "answers": {"people": 3},
        "readiness_score": 93,
        "missing": ["Whom it is for"],
        "roadmap": {**roadmap, "phases": [{**phase, "deliverables": [{**item, "title": "Draw"}]}]},
        "feedback": ["there are 4 people", "shorter"],
    }
    with api.world.core.begin(api.owner.actor) as uow:
        uow.connection.execute(drafts_table.update().where(drafts_table.c.id == draft["id"]).values(columns))
    opened = api.read(draft)
    assert [question["id"] for question in opened["questions"]] == ["risk_0", "first"]
    assert [(answer["questionId"], answer["value"]) for answer in opened["answers"]] == [("people", 3)]
    assert opened["roadmap"]["phases"][0]["deliverables"][0]["title"] == "Draw"
    after = api.refine(opened, risk_0="Buy a new one", first="A")
    assert (after["readinessScore"], after["questions"][0]["id"]) == (93, "phases")
    planned = api.plan(after)
    assert [phase["name"] for phase in planned["roadmap"]["phases"]] == ["Study", "Design", "Build"]
    assert api.execute(planned)["name"] == "Booking"


# ---------------------------------------------------------------------------------------------- other planners


class Model:
    """A planner that says what it is told to, and more than fits."""

    def __init__(self, score=200, phases=()):
        self.score, self.phases, self.seen = score, phases, []

    def refine(self, brief, round):
        self.seen.append(brief)
        question = partial(Question, format="text", options=[], required=False, min=None, max=None, round=9)
        questions = [
            question(id="same", text="What?"),
            question(id="same", text="Twice?"),
            question(id="bad", text="Which?", format="single_choice", options=["a"]),
            question(id="odd", text="How?", format="dance"),
            question(id=f"round{round}", text="And?\0" * 300, options=["x"]),
        ]
        return Refinement(questions, self.score, ["much"])

    def plan(self, brief):
        self.seen.append(brief)
        return Roadmap(start_date=None, days=3, phases=list(self.phases), notes=[], not_understood=[])


@pytest.mark.slow("plans a project of maximum size")
def test_what_a_planner_says_is_fitted_to_what_can_be_told(api):
    deliverable = Deliverable(
        title="x" * 900,
        description=" ",
        priority="huge",
        checklist=["s"] * 200 + [""],
        start_day=9,
        end_day=-1,
    )
    empty = Deliverable(title=" ", description=None, priority=None, checklist=[], start_day=0, end_day=0)
    phases = [
        Phase(
            name="n" * 300,
            description=None,
            start_day=0,
            end_day=0,
            deliverables=[deliverable] * 20 + [empty],
        )
    ] * 60
    api.world.core.env.planner = model = Model(phases=phases)
    draft = api.draft()
    assert [question["id"] for question in draft["questions"]] == ["same", "round1"]
    assert (draft["readinessScore"], draft["missing"]) == (100, ["much"])
    assert len(draft["questions"][1]["text"]) <= 500
    model.score = 10
    draft = api.refine(draft, same="this")
    assert draft["readinessScore"] == 100
    roadmap = api.plan(draft)["roadmap"]
    assert len(roadmap["phases"]) == 50
    assert sum(len(phase["deliverables"]) for phase in roadmap["phases"]) == 500
    first = roadmap["phases"][0]["deliverables"][0]
    assert (len(first["title"]), first["priority"], len(first["checklist"])) == (500, None, 100)
    assert (first["startDay"], first["endDay"], first["description"]) == (9, 9, None)
    assert roadmap["notes"] == ["500 of 1260 deliverables: a project is created with at most 500 cards."]
    assert api.execute(draft)["name"] == "Booking"


def test_a_planner_is_told_all_of_the_draft_with_no_transaction_open(api, statements):
    api.world.core.env.planner = model = Model()
    draft = api.draft(description="Sell.", contextDocuments=[{"title": "Minutes", "content": "Well."}])
    api.plan(api.refine(draft, same="this"), "shorter")
    brief = model.seen[-1]
    assert [(text.title, text.content) for text in brief.texts] == [("", "Sell."), ("Minutes", "Well.")]
    assert (brief.answers, brief.feedback, brief.before) == ({"same": "this"}, ["shorter"], None)
    assert [question.id for question in brief.questions] == ["same", "round1", "round2"]
    assert brief.today == date.fromisoformat(draft["createdAt"][:10])


def test_what_was_thought_of_an_older_draft_is_not_written(api):
    draft = api.draft()
    model = Model()
    real = model.plan
    ref = api.workspace.ref.child(DraftRef, draft["id"])

    def plan(brief):
        api.world.core.env.planner = Model()
        with api.world.core.begin(api.owner.actor) as uow:
            drafts.refine_project_draft(uow, ref, RefineProjectDraft(answers={"work": "Build a page"}))
        return real(brief)

    model.plan = plan
    api.world.core.env.planner = model
    expected = (409, "the draft was changed in the meantime: read it again")
    assert api.problem(draft, "generate-roadmap") == expected


def test_services_do_it_all_within_a_unit_of_the_hosts(api):
    with api.world.core.begin(api.owner.actor) as uow:
        draft = drafts.create_project_draft(uow, api.workspace.ref, CreateProjectDraft(name="Shop"))
        ref = api.workspace.ref.child(DraftRef, draft.id)
        drafts.refine_project_draft(uow, ref, RefineProjectDraft(answers={"work": "Build a page"}))
        planned = drafts.generate_roadmap(uow, ref, GenerateRoadmap())
    assert planned.stage == "roadmap"


def test_limit_of_drafts_that_are_planned_holds_for_requests_at_the_same_time(api, monkeypatch):
    class SlowPlanner(BriefReader):
        is_slow = True

    world, ref = api.world, api.workspace.ref
    monkeypatch.setattr(world.core.env, "planner", SlowPlanner())
    monkeypatch.setattr(planning, "PLANNING_MAX", 1)
    monkeypatch.setattr(planning, "is_deferred", lambda env: True)
    refused = answered_meanwhile(
        world,
        api.owner,
        lambda uow: create_project_draft(uow, ref, CreateProjectDraft(name="First")),
        lambda: world.call(api.owner, "POST", api.path, {"name": "Second"}),
    )
    assert (refused.status, b"planning_full" in refused.body) == (409, True)
