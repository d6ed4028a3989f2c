"""The built-in planner: it reads the outline of a brief without a model, and its result is deterministic."""

from __future__ import annotations

from stellary.contract.fields import replace_fields
from stellary.contract.wizard import NotUnderstood, Roadmap
from stellary.core.ports.planner import Brief, Refinement


class BriefReader:
    """A planner that reads headings, lists and tables, and knows their usual English and French names.

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
