"""Stages of a draft (framing, refinement, roadmap, executed), the steps that each allows, and the next stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stellary.contract.errors import Conflict
from stellary.contract.wizard import DraftStage

WizardStep = Literal["look", "answer", "generate", "edit", "execute"]

_NEXT: Mapping[tuple[DraftStage, WizardStep], DraftStage] = {
    ("framing", "look"): "refinement",
    ("framing", "answer"): "refinement",
    ("framing", "generate"): "roadmap",
    ("refinement", "look"): "refinement",
    ("refinement", "answer"): "refinement",
    ("refinement", "generate"): "roadmap",
    ("roadmap", "look"): "roadmap",
    # The roadmap does not take the new answers into account.
    ("roadmap", "answer"): "refinement",
    ("roadmap", "generate"): "roadmap",
    ("roadmap", "edit"): "roadmap",
    ("roadmap", "execute"): "executed",
}
"""The allowed steps. ``look`` requests the questions without giving answers."""


def find_next(stage: DraftStage, step: WizardStep) -> DraftStage:
    """Return the stage that a step leads to.

    Args:
        stage: The stage of the draft.
        step: The step.

    Raises:
        Conflict: The stage does not allow the step.
    """
    next_stage = _NEXT.get((stage, step))
    if next_stage is not None:
        return next_stage
    if stage == "planning":
        raise Conflict("the draft is being planned: wait for the result, or delete it", code="draft_planning")
    if stage == "executed":
        raise Conflict("the draft has been executed already", code="draft_executed")
    raise Conflict("the draft has no roadmap yet: generate it first", code="no_roadmap")
