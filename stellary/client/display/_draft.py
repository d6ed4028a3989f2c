"""Project drafts: what is asked, what is missing, and what the project will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.display import _words as w
from stellary.client.display._look import Look
from stellary.client.display._markup import line
from stellary.client.display._parts import Cell, Meter, Part, Points, Section, Span
from stellary.client.display._roadmap import plan_parts
from stellary.client.display._rows import summary
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.wizard import ProjectDraft, Question

TEXT_MAX = 300


def draft(made: ProjectDraft, look: Look) -> Sheet:
    """A project to be."""
    score = made.readiness_score or 0
    stage = w.status(made.stage)
    facts: list[Span | Meter] = [] if stage is None else [stage]
    facts.append(Meter(score, 100, "ready", f"{score} of 100 ready"))
    parts: list[Part] = []
    if made.questions:
        asked = tuple(_question(each) for each in made.questions)
        parts.append(Section(f"Questions, round {made.round}", (Points(asked),), len(asked)))
    if made.missing:
        points = tuple((Span(line(each, TEXT_MAX)),) for each in made.missing)
        parts.append(Section("Missing", (Points(points),), len(points)))
    if made.roadmap is not None:
        parts += plan_parts(made.roadmap, look)
    if made.answers:
        answers: list[Cell] = [
            (Span(line(each.text, TEXT_MAX), "quiet"), Span(line(summary(each.value), TEXT_MAX)))
            for each in made.answers
        ]
        parts.append(Section("Answers", (Points(tuple(answers)),), len(answers)))
    return Sheet("Project draft", made.name, tuple(parts), tuple(facts))


def _question(question: Question) -> Cell:
    choices = f": {', '.join(question.options)}" if question.options else ""
    form = f"{w.words(str(question.format))}{choices}"
    needed = (Span("required", "warn", "tag"),) if question.required else ()
    return (Span(line(question.text, TEXT_MAX)), *needed, Span(line(form, TEXT_MAX), "quiet"))
