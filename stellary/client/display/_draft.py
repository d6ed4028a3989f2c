"""The view of a project draft: open questions, missing information, and the roadmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._look import RenderOptions
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Meter, Part, Points, Section, Span
from stellary.client.display._roadmap import build_draft_parts
from stellary.client.display._rows import summarize
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.wizard import ProjectDraft, Question

TEXT_MAX = 300


def build_draft(draft: ProjectDraft, options: RenderOptions) -> View:
    """Render a project draft."""
    score = draft.readiness_score or 0
    stage = w.status_tag(draft.stage)
    facts: list[Span | Meter] = [] if stage is None else [stage]
    facts.append(Meter(score, 100, "ready", f"{score} of 100 ready"))
    parts: list[Part] = []
    if draft.questions:
        questions = tuple(_question(question) for question in draft.questions)
        parts.append(Section(f"Questions, round {draft.round}", (Points(questions),), len(questions)))
    if draft.missing:
        points = tuple((Span(line(topic, TEXT_MAX)),) for topic in draft.missing)
        parts.append(Section("Missing", (Points(points),), len(points)))
    if draft.roadmap is not None:
        parts += build_draft_parts(draft.roadmap, options)
    if draft.answers:
        answers: list[Cell] = [
            (Span(line(answer.text, TEXT_MAX), "quiet"), Span(line(summarize(answer.value), TEXT_MAX)))
            for answer in draft.answers
        ]
        parts.append(Section("Answers", (Points(tuple(answers)),), len(answers)))
    return View("Project draft", draft.name, tuple(parts), tuple(facts))


def _question(question: Question) -> Cell:
    choices = f": {', '.join(question.options)}" if question.options else ""
    form = f"{w.humanize(str(question.format))}{choices}"
    needed = (Span("required", "warn", "tag"),) if question.required else ()
    return (Span(line(question.text, TEXT_MAX)), *needed, Span(line(form, TEXT_MAX), "quiet"))
