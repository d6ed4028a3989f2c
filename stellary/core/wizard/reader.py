"""The built-in planner: it reads the outline of a brief without a model, and its result is deterministic."""

from __future__ import annotations

from stellary.contract.wizard import Roadmap
from stellary.core.ports.planner import Brief, Refinement


class BriefReader:
    """A planner that reads headings, lists and tables, and knows their usual English and French names.

    Its rules are imported on first use, since most processes never read a brief.
    """

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        from stellary.core.wizard.rules.questions import refine_brief
        from stellary.core.wizard.rules.reading import read_brief

        return refine_brief(read_brief(brief), brief, round)

    def plan(self, brief: Brief, /) -> Roadmap:
        from stellary.core.wizard.rules.planning import build_plan, schedule, select_phases
        from stellary.core.wizard.rules.questions import find_notes
        from stellary.core.wizard.rules.reading import read_brief

        findings = read_brief(brief)
        selection = select_phases(findings, brief)
        plan = build_plan(findings, selection, brief)
        plan.notes += find_notes(findings, selection, brief)
        if not brief.feedback:
            return schedule(plan, (), brief.today)
        from stellary.core.wizard.rules.feedback import apply_feedback

        # Every new plan applies all feedback, also after further answers.
        plan, refused = apply_feedback(plan, brief.feedback, brief.today)
        return schedule(plan, refused, brief.today)
