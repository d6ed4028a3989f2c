"""The built-in planner: it reads the outline of a brief without a model, and its result is deterministic."""

from __future__ import annotations

import attrs

from stellary.contract.fields import replace_fields
from stellary.contract.wizard import NotUnderstood, Roadmap
from stellary.core.ports.planner import Brief, Planner, Refinement, Text

MODEL_ID_PREFIX = "model-"
"""The beginning of the ids of a model's questions."""


class BriefReader:
    """A planner that reads headings, lists and tables, and knows their usual names in English, French, German and Spanish.

    Its rules are imported on first use, since most processes never read a brief.
    """

    reads_feedback = False

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        from stellary.core.wizard.rules.questions import refine_brief
        from stellary.core.wizard.rules.reading import read_brief

        return refine_brief(read_brief(brief), brief, round)

    def plan(self, brief: Brief, /) -> Roadmap:
        from stellary.core.wizard.rules.messages import format_message
        from stellary.core.wizard.rules.planning import build_roadmap, select_phases
        from stellary.core.wizard.rules.questions import find_notes
        from stellary.core.wizard.rules.reading import read_brief

        findings = read_brief(brief)
        selection = select_phases(findings, brief)
        roadmap = build_roadmap(findings, selection, brief, find_notes(findings, selection, brief))
        if not brief.feedback:
            return roadmap
        # This planner is the fallback of one that reads feedback: what feedback has led to is kept.
        reason = format_message(findings.language, "no_feedback")
        refused = [NotUnderstood(text=text, reason=reason) for text in brief.feedback]
        return replace_fields(brief.before or roadmap, not_understood=refused)


@attrs.frozen
class FallbackPlanner:
    """A planner that works in place of a model that has failed. Its results say so.

    Attributes:
        planner: The planner.
        reason: Why the model has failed, in a sentence.
    """

    planner: Planner
    reason: str

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        refinement = self.planner.refine(_with_answers_as_texts(brief), round)
        return attrs.evolve(refinement, missing=[*refinement.missing, self._note])

    def plan(self, brief: Brief, /) -> Roadmap:
        roadmap = self.planner.plan(_with_answers_as_texts(brief))
        return replace_fields(roadmap, notes=[self._note, *roadmap.notes])

    @property
    def _note(self) -> str:
        return f"This result was created without a model: {self.reason.removesuffix('.')}."


def _with_answers_as_texts(brief: Brief) -> Brief:
    """Return a brief with the answers to a model's questions as texts."""
    answers = [
        Text(question.text, f"- {brief.answers[question.id]}")
        for question in brief.questions
        if question.id.startswith(MODEL_ID_PREFIX) and question.id in brief.answers
    ]
    return attrs.evolve(brief, texts=[*brief.texts, *answers])
