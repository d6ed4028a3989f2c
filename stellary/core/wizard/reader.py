"""The planner that is built in: it reads the brief, without a model, and says the same of the same brief at any time."""

from __future__ import annotations

from stellary.contract.wizard import Roadmap
from stellary.core.ports.planner import Brief, Refinement
from stellary.core.wizard.rules.feedback import heeded
from stellary.core.wizard.rules.findings import found
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.phases import planned
from stellary.core.wizard.rules.questions import refined, unready
from stellary.core.wizard.rules.schedule import scheduled


class BriefReader:
    """Reads headings, lists, verbs, dates, people, limits and risks in English and French texts."""

    def refine(self, brief: Brief, round: int, /) -> Refinement:
        return refined(brief, round)

    def plan(self, brief: Brief, /) -> Roadmap:
        made = found(brief)
        plan = planned(made, brief)
        plan.notes += unready(made, brief.answers)
        if made.excluded:
            plan.notes.append(format_message(made.language, "excluded", text="; ".join(made.excluded[:20])))
        # All feedback anew: what was said before still holds, for what has been answered since too.
        plan, not_understood = heeded(plan, brief.feedback, brief.today)
        return scheduled(plan, not_understood, brief.today)
