"""The examples of pilotage run on both databases."""

from datetime import timedelta

import pytest

from stellary import Stellary
from tests.journeys.test_examples import example


def test_pilotage(client: Stellary, capsys: pytest.CaptureFixture[str]):
    lines = example("pilotage").pilotage(client, "acme", "eng")
    assert lines == [f"jane: action_{step} act-001" for step in ("applied", "approved", "proposed")]
    assert capsys.readouterr().out == (
        "m-001 in_progress Implement billing module\n"
        "1 ['t-001']\n"
        "only an action that is approved can be applied; this one is applied\n"
    )


REVIEW = """
## Reached
- Write the handbook

## Finished
- Choose a provider

## In the way
- Make search fast: Waiting on hardware

## Running
- Implement billing (1 of 2 todos)

## Next
- Open the shop

## Priorities
- Ship billing MVP

## Decided
- Use Stripe: three weeks less

## To be reviewed
- Nobody tests refunds (create_todo)

## In figures
- mission_created: 4
- mission_updated: 3
- todo_updated: 2
- todo_created: 2
- action_proposed: 1"""


def test_weekly_review_example_runs(client: Stellary):
    module = example("weekly_review")
    written = module.weekly_review(module.steer(client, "acme", "eng"))
    assert written.partition("\n")[0].endswith(", cycle v1")
    assert written.partition("\n")[2] == REVIEW


def test_weekly_review_covers_one_week(client: Stellary):
    module = example("weekly_review")
    state = module.steer(client, "acme", "eng")
    later = module.weekly_review(state, state.missions[0].updated_at + timedelta(days=8))
    headings = [line for line in later.splitlines() if line.startswith("## ")]
    assert headings == ["## In the way", "## Running", "## Next", "## Priorities", "## To be reviewed"]
