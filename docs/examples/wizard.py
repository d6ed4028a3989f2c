"""The wizard: turn a brief into a project, with questions and a roadmap.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/wizard.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from stellary import Conflict, Stellary
from stellary.contract.wizard import GivenDocument, RoadmapOperation

BRIEF = """
Patients of the Riverside clinic phone for appointments, and a third of them give up waiting.

## Goals
- The reception answers half as many calls

## Phases
### Phase 1: Design (3 weeks)
- Booking page: patients choose a practitioner and a free slot
- Test with ten patients
### Phase 2: Build
- Reminders by mail and text message, 24 hours before
  - template per language
  - opt-out
- Cancel or move an appointment
- Nice to have: waiting list
### Phase 3: Launch
- Train the staff

## Constraints
- Budget: 40 000 €
- Patient data must stay within the EU (GDPR)

## Risks
- The old system has no documented export

## Out of scope
- Payments
"""

MINUTES = """
## Open questions
- Which text message provider do we use?
"""

# Answers that a user would enter.
ANSWERS: Mapping[str, Any] = {
    "phases": ["Design", "Build", "Launch"],
    "deadline": "2031-09-30",
    "start": "2031-05-05",
    "weeks_1": 8,
    "decision_0": "The one that the hospital uses.",
    "first": "Cancel or move an appointment",
    "success": "Half as many calls by the end of the year",
}


def wizard(client: Stellary, organization: str, workspace: str) -> list[str]:
    """Create a project from a brief in an existing workspace, and return the steps."""
    ws = client.workspace(organization, workspace)

    # --8<-- [start:frame]
    draft = ws.project_drafts.create(
        name="Online booking",
        description=BRIEF,
        context_documents=[GivenDocument(title="Minutes", content=MINUTES)],
    )
    # --8<-- [end:frame]
    steps = [f"{draft.stage}: ready to {draft.readiness_score} of 100"]

    # --8<-- [start:refine]
    while draft.questions:
        for question in draft.questions:
            print(f"{question.text} ({question.format}) {question.options or ''}")
        answers = {
            question.id: ANSWERS[question.id] for question in draft.questions if question.id in ANSWERS
        }
        if not answers:
            break  # optional questions can stay open
        draft = ws.project_drafts.refine(draft, answers=answers)
    # --8<-- [end:refine]
    steps.append(f"{draft.stage}: ready to {draft.readiness_score} of 100")

    # --8<-- [start:progress]
    patient = ws.project_drafts.with_options(
        timeout=600, progress=lambda draft: print(draft.stage, draft.usage.calls)
    )
    draft = patient.generate_roadmap(draft)
    # --8<-- [end:progress]

    # --8<-- [start:plan]
    draft = ws.project_drafts.generate_roadmap(draft)
    assert draft.roadmap is not None
    steps += [f"day {phase.start_day} to {phase.end_day}: {phase.name}" for phase in draft.roadmap.phases]
    # --8<-- [end:plan]

    # --8<-- [start:edit]
    design, build, launch = draft.roadmap.phases
    operations = [
        RoadmapOperation(type="add", name="Testing", position=2),
        RoadmapOperation(type="move", id=design.deliverables[1].id, parent_id=build.id),
        RoadmapOperation(type="set_dates", id=launch.id, end_day=launch.end_day + 7),
    ]
    careful = ws.project_drafts.with_options(if_match=draft)
    draft = careful.edit_roadmap(draft, operations=operations)
    draft = ws.project_drafts.edit_roadmap(draft, operations=[RoadmapOperation(type="remove", id=launch.id)])
    draft = ws.project_drafts.edit_roadmap(draft, operations=[RoadmapOperation(type="undo")])
    # --8<-- [end:edit]

    # --8<-- [start:execute]
    project = ws.project_drafts.execute(draft)
    board = ws.project(project).board()
    steps.append(f"{project.key}: {len(board.columns)} columns, {len(board.cards)} cards")
    try:
        ws.project_drafts.execute(draft)
    except Conflict as error:
        print(error.code)  # draft_executed
    # --8<-- [end:execute]
    return steps


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with a new account, and print the steps."""
    name = f"acme-{uuid4().hex[:8]}"
    with Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as client:
        client.organizations.create(name=name.title(), slug=name)
        client.organization(name).workspaces.create(name="Engineering", slug="eng")
        for line in wizard(client, name, "eng"):
            print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
