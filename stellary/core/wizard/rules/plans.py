"""Plans: phases with their deliverables, before they are scheduled."""

from __future__ import annotations

from datetime import date

import attrs

from stellary.contract.cards import Priority
from stellary.core.wizard.rules.dates import Period, Timing
from stellary.core.wizard.rules.fitting import shorten
from stellary.core.wizard.rules.vocabulary import DASHES, strip_remark

TITLE_MAX = 200
NAME_MAX = 60


@attrs.define(eq=False)
class PlannedItem:
    """A future deliverable.

    Attributes:
        days, due: Its duration and its date, where the brief states them in a plan.
        key, depends: Its id in the brief, and the ids that it depends on.
    """

    title: str
    description: str | None = None
    priority: Priority | None = None
    checklist: list[str] = attrs.field(factory=list)
    days: int | None = None
    due: date | None = None
    key: str = ""
    depends: str = ""


@attrs.define(eq=False)
class PlannedPhase:
    """A future phase.

    Attributes:
        days, period: Its duration and its dates, where the brief states them in a plan.
        is_bare: Whether the brief only has its name, without contents.
    """

    name: str
    items: list[PlannedItem] = attrs.field(factory=list)
    description: str | None = None
    days: int | None = None
    period: Period | None = None
    is_bare: bool = False

    def set_timing(self, timing: Timing | None) -> None:
        """Set the duration and the dates, unless the phase has them already."""
        if timing is not None:
            self.days = self.days or timing.days
            self.period = self.period or timing.period

    def add(self, other: PlannedPhase) -> None:
        """Add the deliverables and the time of another phase."""
        self.set_timing(Timing(other.period, other.days))
        if not other.is_bare:
            self.items = [*([] if self.is_bare else self.items), *other.items]
            self.is_bare = False


def to_title(text: str, most: int = TITLE_MAX) -> str:
    """Return a text as the title of a deliverable, or as the name of a phase.

    Args:
        text: The text, with or without a remark and punctuation at its ends.
        most: The maximum number of characters.
    """
    title = strip_remark(text.strip(f" .;,:{DASHES}")) or text
    return shorten(title[:1].upper() + title[1:], most)
