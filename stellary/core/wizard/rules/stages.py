"""Stages of a draft (framing, refinement, roadmap, executed), the steps that each allows, and the next stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stellary.contract.errors import Conflict
from stellary.contract.wizard import DraftStage

WizardStep = Literal["look", "answer", "generate", "edit", "execute"]

_AFTER: Mapping[WizardStep, DraftStage] = {
    # The roadmap does not take new answers into account.
    "answer": "refinement",
    "generate": "roadmap",
    "edit": "roadmap",
    "execute": "executed",
}
"""The stages that steps lead to. ``look`` requests the questions without giving answers."""


def find_next(stage: DraftStage, step: WizardStep) -> DraftStage:
    """Return the stage that a step leads to.

    Args:
        stage: The stage of the draft.
        step: The step.

    Raises:
        Conflict: The stage does not allow the step.
    """
    if stage == "planning":
        raise Conflict("the draft is being planned: wait for the result, or delete it", code="draft_planning")
    if stage == "executed":
        raise Conflict("the draft has been executed already", code="draft_executed")
    if step in ("edit", "execute") and stage != "roadmap":
        raise Conflict("the draft has no roadmap yet: generate it first", code="no_roadmap")
    return _AFTER.get(step, "refinement" if stage == "framing" else stage)
