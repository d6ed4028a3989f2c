"""Stages: framing, refinement, roadmap, executed; what may be done at which, and what it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stellary.contract.errors import Conflict
from stellary.contract.wizard import DraftStage

Step = Literal["look", "answer", "generate", "execute"]

_NEXT: Mapping[tuple[DraftStage, Step], DraftStage] = {
    ("framing", "look"): "refinement",
    ("framing", "answer"): "refinement",
    ("framing", "generate"): "roadmap",
    ("refinement", "look"): "refinement",
    ("refinement", "answer"): "refinement",
    ("refinement", "generate"): "roadmap",
    ("roadmap", "look"): "roadmap",
    # What was answered is not in the roadmap that is there.
    ("roadmap", "answer"): "refinement",
    ("roadmap", "generate"): "roadmap",
    ("roadmap", "execute"): "executed",
}
"""All that may be done. To look is to ask for the questions without answering any."""


def after(stage: DraftStage, step: Step) -> DraftStage:
    """The stage that a step leads to.

    Raises:
        Conflict: It cannot be taken at that stage.
    """
    found = _NEXT.get((stage, step))
    if found is not None:
        return found
    if stage == "executed":
        raise Conflict("the draft has become a project already", code="draft_executed")
    raise Conflict("the draft has no roadmap yet: generate it first", code="no_roadmap")
