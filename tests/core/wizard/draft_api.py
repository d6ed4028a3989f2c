"""The wizard's API in a workspace, with one method per step of a draft."""

from typing import Any

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


class DraftApi:
    """A workspace and its drafts."""

    def __init__(self, world: World, owner: Person) -> None:
        self.world = world
        self.owner = owner
        self.workspace = world.workspace(owner)
        self.path = f"{self.workspace.path}/project-drafts"

    def ask(self, method: str, path: str, body: Any = None, *, by: Person | None = None) -> Any:
        """Send a request that must succeed, on behalf of the owner unless another person is given."""
        return self.world.ask(by or self.owner, method, path, body)

    def draft(self, name: str = "Booking", *, by: Person | None = None, **body: Any) -> Json:
        """Create a draft."""
        return self.ask("POST", self.path, {"name": name, **body}, by=by)

    def of(self, draft: Json, step: str = "") -> str:
        """Return the path of a draft, or of a step of it."""
        return f"{self.path}/{draft['id']}" + (f"/{step}" if step else "")

    def read(self, draft: Json) -> Json:
        """Return the current state of a draft."""
        return self.ask("GET", self.of(draft))

    def refine(self, draft: Json, **answers: Any) -> Json:
        """Answer questions of a draft and return the draft."""
        body = {"answers": answers} if answers else None
        return self.ask("POST", self.of(draft, "refine"), body)

    def plan(self, draft: Json, feedback: str | None = None) -> Json:
        """Generate the roadmap of a draft, with feedback for a model if given, and return the draft."""
        body = {"feedback": feedback} if feedback else None
        return self.ask("POST", self.of(draft, "generate-roadmap"), body)

    def execute(self, draft: Json, **body: Any) -> Json:
        """Create the project of a draft and return it."""
        return self.ask("POST", self.of(draft, "execute"), body)

    def board(self, project: Json) -> Json:
        """Return the board of a project."""
        return self.ask("GET", f"{self.workspace.path}/projects/{project['id']}/board")

    def problem(
        self, draft: Json | None, step: str, body: Any = None, by: Person | None = None
    ) -> tuple[int, str]:
        """Send a request that must be rejected; return its status and message."""
        path = self.of(draft, step) if draft else self.path
        return self.world.error(by or self.owner, "POST", path, body)
