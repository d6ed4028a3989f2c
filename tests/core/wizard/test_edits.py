"""Edits: operations on the parts of a roadmap by id, refused as a whole or made as one step that can be undone."""

from datetime import date

import orjson
import pytest

from stellary.contract.errors import Invalid
from stellary.contract.fields import replace_fields
from stellary.contract.wire import dump, load
from stellary.contract.wizard import FEEDBACK_MAX, OPERATIONS_MAX, EditRoadmap, RoadmapOperation
from stellary.core import Brief
from stellary.core.wizard.reader import BriefReader
from stellary.core.wizard.rules import edits
from tests.core.wizard.draft_api import Json
from tests.support.core_parts import Text
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each
from tests.support.tables import project_drafts
from tests.support.world import at_once, outcome

TEXT = """Phase 1: Design (2 weeks)
- Sketch
- Logo
  - proofs
  - colours
Phase 2: Build (3 weeks)
- Shop
Phase 3: Launch (1 week)
- Staff
"""
START = "Design[Sketch, Logo{proofs, colours}] Build[Shop] Launch[Staff]"
PLANNED = edits.assign_ids(BriefReader().plan(Brief("Shop", [Text("", TEXT)], date(2026, 4, 1))), 3)


def show(roadmap: Json) -> str:
    """Return the names of the parts, each followed by its own in brackets."""
    texts = []
    for phase in roadmap["phases"]:
        items = [
            item["title"] + (f"{{{', '.join(item['checklist'])}}}" if item["checklist"] else "")
            for item in phase["deliverables"]
        ]
        texts.append(f"{phase['name']}[{', '.join(items)}]")
    return " ".join(texts)


def find_ids(roadmap: Json) -> dict[str, str]:
    """Return the ids of the parts by their names."""
    ids = {}
    for phase in roadmap["phases"]:
        ids[phase["name"]] = phase["id"]
        for item in phase["deliverables"]:
            ids[item["title"]] = item["id"]
            ids |= dict(zip(item["checklist"], item["checklistIds"], strict=True))
    return ids


def change(operations: list[Json], planned=PLANNED) -> Json:
    """Return the roadmap after operations, whose ids are given as names."""
    ids = find_ids(orjson.loads(dump(planned)))
    requested = [
        {
            field: [ids.get(name, name) for name in value]
            if field == "partIds"
            else ids.get(value, value)
            if field in ("id", "parentId")
            else value
            for field, value in operation.items()
        }
        for operation in operations
    ]
    roadmap, step = edits.edit_roadmap(planned, load(EditRoadmap, {"operations": requested}).operations, 4)
    assert edits.undo_step(roadmap, orjson.loads(orjson.dumps(step))) == planned
    return orjson.loads(dump(roadmap))


def op(type: str, **fields: object) -> Json:
    return {"type": type, **fields}


@for_each(
    "operations, expected",
    [
        ([op("add", name="Test")], START + " Test[]"),
        ([op("add", name=" Test ", position=0)], "Test[] " + START),
        ([op("add", parentId="Build", name="Tests", position=0)], START.replace("[Shop", "[Tests, Shop")),
        ([op("add", parentId="Logo", name="sizes")], START.replace("colours", "colours, sizes")),
        (
            [op("rename", id="Build", name="Making"), op("rename", id="proofs", name="Proofs")],
            START.replace("Build", "Making").replace("proofs", "Proofs"),
        ),
        ([op("move", id="Launch", position=0)], "Launch[Staff] " + START.removesuffix(" Launch[Staff]")),
        (
            [op("move", id="Logo", parentId="Launch")],
            "Design[Sketch] Build[Shop] Launch[Staff, Logo{proofs, colours}]",
        ),
        (
            [op("move", id="proofs", parentId="Staff")],
            START.replace("proofs, ", "").replace("Staff", "Staff{proofs}"),
        ),
        (
            [op("move", id="Sketch")],
            START.replace("Sketch, Logo{proofs, colours}", "Logo{proofs, colours}, Sketch"),
        ),
        ([op("remove", id="Design")], "Build[Shop] Launch[Staff]"),
        (
            [op("remove", id="colours"), op("remove", id="Sketch")],
            "Design[Logo{proofs}] Build[Shop] Launch[Staff]",
        ),
        ([op("split", id="Design", name="Draw", partIds=["Logo"])], START.replace(", Logo", "] Draw[Logo")),
        (
            [op("split", id="Logo", name="Colours", partIds=["colours"])],
            START.replace("{proofs, colours}", "{proofs}, Colours{colours}"),
        ),
        (
            [
                op("rename", id="Build", name="Launching"),
                op("move", id="Shop", parentId="Design", position=0),
            ],
            "Design[Shop, Sketch, Logo{proofs, colours}] Launching[] Launch[Staff]",
        ),
    ],
)
def test_operation_changes_the_parts_it_names_and_can_be_undone(operations, expected):
    assert show(change(operations)) == expected


def days(roadmap: Json) -> dict[str, tuple[int, int]]:
    return {phase["name"]: (phase["startDay"], phase["endDay"]) for phase in roadmap["phases"]} | {
        item["title"]: (item["startDay"], item["endDay"])
        for phase in roadmap["phases"]
        for item in phase["deliverables"]
    }


@for_each(
    "operations, expected, total",
    [
        ([op("set_dates", id="Build", startDay=20, endDay=50)], {"Build": (20, 50), "Shop": (20, 40)}, 51),
        ([op("set_dates", id="Launch", endDay=36)], {"Launch": (35, 36), "Staff": (35, 36)}, 37),
        ([op("set_dates", id="Shop", startDay=10, endDay=60)], {"Build": (10, 60), "Shop": (10, 60)}, 61),
        ([op("move", id="Logo", parentId="Launch")], {"Logo": (35, 41), "Launch": (35, 41)}, 42),
        (
            [op("add", name="Test"), op("add", parentId="Build", name="Tests")],
            {"Test": (42, 55), "Tests": (14, 34)},
            56,
        ),
    ],
)
def test_days_of_deliverables_stay_within_their_phases(operations, expected, total):
    roadmap = change(operations)
    assert {name: days(roadmap)[name] for name in expected} == expected
    assert roadmap["days"] == total


@for_each(
    "operation, message",
    [
        (
            op("rename", id="9-9", name="x"),
            "id must be the id of a phase, deliverable or checklist item of this",
        ),
        (op("add", parentId="9-9", name="x"), "parentId must be the id of a phase"),
        (op("move", id="Design", parentId="Logo"), "parentId must be left out for a phase"),
        (op("move", id="Logo", parentId="Logo"), "parentId must be a phase for a deliverable"),
        (op("move", id="proofs", parentId="Build"), "parentId must be a deliverable for a checklist item"),
        (op("add", parentId="proofs", name="x"), "parentId must not be a checklist item"),
        (op("rename", id="Build", name=" design"), "name must not give the roadmap two parts named “design”"),
        (op("add", parentId="Design", name="LOGO"), "name must not give a phase two parts named"),
        (op("rename", id="proofs", name=" "), "name must not be blank"),
        (op("rename", id="Build", name="x" * 101), "name must be 1 to 100 characters for a phase"),
        (op("add"), "name is required for add"),
        (op("remove", id="Build", name="x"), "name is not for remove"),
        (op("add", name="x", position=4), "position must be at most 3"),
        (op("split", id="Build", name="x", partIds=["proofs"]), "partIds must be ids of parts of a phase"),
        (op("set_dates", id="proofs", endDay=3), "id must not be a checklist item, which has no dates"),
        (op("set_dates", id="Build", endDay=3), "endDay must be 14 or later, the first day"),
        (op("undo"), "type must be the only operation if it is undo"),
        (op("paint"), "type must be one of"),
    ],
)
def test_impossible_operation_is_refused_in_one_sentence(operation, message):
    with pytest.raises(Invalid) as refusal:
        change([op("rename", id="Launch", name="Party"), operation])
    assert refusal.value.message.startswith(f"operations[1].{message}")


def test_parts_of_a_removed_part_are_gone():
    with pytest.raises(Invalid, match=r"operations\[1\].id must be the id of"):
        change([op("remove", id="Design"), op("rename", id="proofs", name="Proof")])


def test_part_with_the_name_of_another_one_moves_beside_it():
    twins = replace_fields(PLANNED, phases=[replace_fields(phase, name="Twin") for phase in PLANNED.phases])
    ids = [phase.id for phase in twins.phases]
    moved, _ = edits.edit_roadmap(twins, [RoadmapOperation(type="move", id=ids[0])], 4)
    assert [phase.id for phase in moved.phases] == [*ids[1:], ids[0]]


def test_last_phase_is_not_removed():
    phases = ["Design", "Build", "Launch"]
    with pytest.raises(Invalid, match=r"operations\[2\].id must not be the last phase"):
        change([op("remove", id=name) for name in phases])


@for_each(
    "operations, message",
    [
        ([op("add", name=f"x{number}") for number in range(48)], "the roadmap more than 50 phases"),
        (
            [op("add", parentId="Logo", name=f"x{number}") for number in range(99)],
            "a deliverable more than 100 checklist items",
        ),
    ],
)
def test_part_beyond_a_limit_is_refused(operations, message):
    with pytest.raises(Invalid, match=message):
        change(operations)
    change(operations[:-1])


@pytest.mark.slow("edits a roadmap of maximum size")
def test_roadmap_has_at_most_500_deliverables_and_is_edited_in_little_time():
    text = "".join(
        f"Phase {place}: P{place}\n" + "".join(f"- Part {place} {n}\n" for n in range(50))
        for place in range(1, 11)
    )
    planned = edits.assign_ids(BriefReader().plan(Brief("Shop", [Text("", text)], date(2026, 4, 1))), 3)
    with pytest.raises(Invalid, match="the roadmap more than 500 deliverables"):
        change([op("add", parentId="P1", name="One more")], planned)
    operations = [
        op("move", id=f"Part {place} {n}", parentId="P1") for place in range(2, 4) for n in range(50)
    ]
    assert measure_cpu_time(lambda: change(operations, planned), enough=0.3) < 0.5


# ---------------------------------------------------------------------------------------------- drafts


@pytest.fixture(name="planned")
def plan_draft(api) -> Json:
    """Return a draft with a roadmap."""
    return api.plan(api.draft(description=TEXT))


def send(api, draft: Json, *operations: Json, **headers: str):
    return api.world.call(
        api.owner, "PATCH", api.of(draft, "roadmap"), {"operations": [*operations]}, **headers
    )


def edit(api, draft: Json, *operations: Json) -> Json:
    answer = send(api, draft, *operations)
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


def test_each_request_is_one_step_of_undo(api, planned):
    ids = find_ids(planned["roadmap"])
    first = edit(api, planned, op("rename", id=ids["Build"], name="Making"), op("remove", id=ids["Launch"]))
    second = edit(api, first, op("add", name="Party"), op("add", parentId=ids["Design"], name="Newsletter"))
    assert show(second["roadmap"]).startswith("Design[Sketch, Logo{proofs, colours}, Newsletter] Making")
    assert second["version"] == planned["version"] + 2
    assert edit(api, second, op("undo"))["roadmap"] == first["roadmap"]
    assert edit(api, second, op("undo"))["roadmap"] == planned["roadmap"] == api.read(planned)["roadmap"]
    answer = send(api, planned, op("undo"))
    assert outcome(answer) == (409, "nothing_to_undo")
    # An id of a removed part is not used again.
    added = edit(api, planned, op("add", name="Party"))["roadmap"]["phases"][-1]["id"]
    assert added not in find_ids(second["roadmap"]).values()


def test_refused_request_changes_nothing(api, planned):
    ids = find_ids(planned["roadmap"])
    answer = send(api, planned, op("rename", id=ids["Build"], name="Making"), op("remove", id="x"))
    assert answer.status == 400
    assert orjson.loads(answer.body)["message"].startswith("operations[1].id must be the id of")
    assert send(api, planned, *[op("add", name=str(n)) for n in range(OPERATIONS_MAX + 1)]).status == 400
    assert api.read(planned) == planned


def test_undo_brings_back_a_roadmap_that_was_generated_again(api, planned):
    ids = find_ids(planned["roadmap"])
    edited = edit(api, planned, op("rename", id=ids["Build"], name="Making"))
    again = api.plan(edited)
    assert show(again["roadmap"]) == START
    assert send(api, again, op("remove", id=ids["Build"])).status == 400
    assert edit(api, again, op("undo"))["roadmap"] == edited["roadmap"]
    answered = api.refine(edited, deadline="2031-01-01")
    assert send(api, answered, op("add", name="x")).status == 409
    assert edit(api, api.plan(answered), op("undo"))["roadmap"] == edited["roadmap"]


def test_edit_names_the_version_it_is_for(api, planned):
    edit(api, planned, op("add", name="Party"))
    stale = send(api, planned, op("add", name="Test"), if_match=f'"{planned["version"]}"')
    assert outcome(stale) == (412, "stale_version")
    assert send(api, planned, op("add", name="Test"), if_match=f'"{planned["version"] + 1}"').status == 200


@pytest.mark.race
def test_concurrent_edits_are_all_made_or_refused(api, planned, rounds):
    for number in range(rounds):
        answers = at_once(
            *[lambda name=f"{name}{number}": send(api, planned, op("add", name=name)) for name in "abcd"]
        )
        count = sum(answer.status == 200 for answer in answers)
        assert count >= 1
        assert {answer.status for answer in answers} <= {200, 409}
        added = [
            phase for phase in api.read(planned)["roadmap"]["phases"] if phase["name"][1:] == str(number)
        ]
        assert len(added) == count


def test_only_so_many_steps_are_kept(api, planned):
    for number in range(edits.STEPS_MAX + 1):
        edit(api, planned, op("rename", id=planned["roadmap"]["phases"][0]["id"], name=f"P{number}"))
    undone = [send(api, planned, op("undo")).status for _ in range(edits.STEPS_MAX + 1)]
    assert undone == [200] * edits.STEPS_MAX + [409]
    assert api.read(planned)["roadmap"]["phases"][0]["name"] == "P0"


def test_steps_beyond_their_size_are_dropped():
    step = {"order": [], "changed": [{"name": "x" * edits.STEPS_SIZE_MAX}]}
    assert edits.fit_steps([step, {"order": []}, {}]) == [{"order": []}, {}]
    assert edits.fit_steps([step, step]) == [step]


def test_roadmap_without_ids_gets_them(api, planned):
    """Roadmaps of earlier versions have no ids."""
    stored = orjson.loads(dump(PLANNED))
    for phase in stored["phases"]:
        del phase["id"]
        for item in phase["deliverables"]:
            del item["id"], item["checklistIds"]
    with api.world.core.begin(api.owner.actor) as uow:
        uow.connection.execute(project_drafts.update().values(roadmap=stored))
    ids = find_ids(api.read(planned)["roadmap"])
    assert len(set(ids.values())) == len(ids) == 9
    assert "proofs" not in show(edit(api, planned, op("remove", id=ids["proofs"]))["roadmap"])


def test_draft_without_a_roadmap_or_executed_is_not_edited(api, planned):
    assert send(api, api.draft(), op("undo")).status == 409
    api.execute(planned)
    assert orjson.loads(send(api, planned, op("undo")).body)["code"] == "draft_executed"


def test_feedback_without_a_model_names_the_operations(api, planned):
    for text in ("add a phase for testing", "x" * FEEDBACK_MAX):
        message = (
            "feedback needs a language model, which is not configured: use PATCH"
            " /orgs/:orgSlug/workspaces/:wsSlug/project-drafts/:draftId/roadmap"
            " with the operations add, rename, move, remove, split, set_dates, undo"
        )
        assert api.problem(planned, "generate-roadmap", {"feedback": text}) == (400, message)
    assert api.read(planned) == planned
