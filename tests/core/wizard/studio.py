"""A workspace to make drafts in, and short ways to ask for what is done with them."""

from __future__ import annotations

from typing import Any

import orjson

from tests.support.world import Person, World

Json = dict[str, Any]

BRIEF = """# Online booking for the Riverside clinic

Patients phone for appointments, and a third of them give up waiting. We want to offer online booking so that patients
choose a slot themselves, and the reception answers half as many calls.

## What we need
- Booking page: patients choose a practitioner and a free slot
- Reminders by mail and text message, 24 hours before
  - template per language
  - opt-out
- Cancel or move an appointment
- Nice to have: waiting list

## Plan
1. Study (3 weeks)
   - Interview five receptionists
   - Map how calls are handled today
2. Design
   - Design the booking page
   - Test it with ten patients
3. Build
   - Build the first version
   - Migrate the existing appointments
   - Train the staff

## Team
Anna (design), Ben and Carol (development).

## Constraints
- Budget: 40 000 €
- Patient data must stay within the EU (GDPR)

## Risks
- The old system has no documented export

## Timeline
Work starts on 5 May 2031; the page must be live by 30 September 2031.

## Out of scope
- Payments

## Open questions
- Which text message provider do we use?
"""


class Studio:
    """A workspace and its drafts."""

    def __init__(self, world: World, owner: Person) -> None:
        self.world = world
        self.owner = owner
        self.workspace = world.workspace(owner)
        self.path = f"{self.workspace.path}/project-drafts"

    def draft(self, name: str = "Booking", *, by: Person | None = None, **body: Any) -> Json:
        """A new draft."""
        made: Json = self.world.ask(by or self.owner, "POST", self.path, {"name": name, **body})
        return made

    def of(self, draft: Json, step: str = "") -> str:
        """The path of a draft, or of a step of it."""
        return f"{self.path}/{draft['id']}" + (f"/{step}" if step else "")

    def read(self, draft: Json) -> Json:
        """A draft as it is by now."""
        found: Json = self.world.ask(self.owner, "GET", self.of(draft))
        return found

    def refine(self, draft: Json, **answers: Any) -> Json:
        """A draft after answers."""
        body = {"answers": answers} if answers else None
        made: Json = self.world.ask(self.owner, "POST", self.of(draft, "refine"), body)
        return made

    def plan(self, draft: Json, feedback: str | None = None) -> Json:
        """A draft after its roadmap was made, or made again."""
        body = {"feedback": feedback} if feedback else None
        made: Json = self.world.ask(self.owner, "POST", self.of(draft, "generate-roadmap"), body)
        return made

    def execute(self, draft: Json, **body: Any) -> Json:
        """The project of a draft."""
        made: Json = self.world.ask(self.owner, "POST", self.of(draft, "execute"), body)
        return made

    def board(self, project: Json) -> Json:
        """All of a project."""
        found: Json = self.world.ask(
            self.owner, "GET", f"{self.workspace.path}/projects/{project['id']}/board"
        )
        return found

    def problem(
        self, draft: Json | None, step: str, body: Any = None, by: Person | None = None
    ) -> tuple[int, str]:
        """The status and the message of what is refused."""
        path = self.of(draft, step) if draft else self.path
        answer = self.world.call(by or self.owner, "POST", path, body)
        assert answer.status >= 400, answer
        return answer.status, orjson.loads(answer.body)["message"]
