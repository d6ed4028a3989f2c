"""Hostile texts and lists take processor time in proportion to their size: to write, to react to, and to read."""

import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import settings

from tests.conftest import RUN
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld, open_permission_world
from tests.security.table import SERVED, Row
from tests.security.text_slots import SHAPES, SIZE_MAX, Slot, fill, find_slots, make_good_request
from tests.support.core_parts import SERVICES
from tests.support.cpu_time import measure_cpu_time
from tests.support.databases import Sqlite

LONG = settings.get_current_profile_name() == "long"
"""Whether each slot is tried with all shapes and many stored values, and not only the large ones with some."""

SIZE = SIZE_MAX // 10
SIZES = (SIZE_MAX, SIZE, 4_000, 500)
"""The numbers of characters to try, until a value is accepted."""

GROWTH_MAX = 15
"""How many times as much time ten times the size may take."""

REFERENCES_MAX = 40
"""How many times as much time as ``scan_reference`` anything may take: half a second where that takes 12.5 ms."""
FLOOR = 0.01
"""Seconds below which nothing is compared, since the measurement is not exact."""

STORED = 50
TRIES = 3
PERSONA = "OO"
ALWAYS_READ = {"projects.activity", "workspaces.activity", "search.query", "notifications.list"}
"""Operations that read what other resources have written."""

NOT_TRIED: Mapping[str, str] = {}
"""Slots that are left out, with the reason."""

REFUSED: Mapping[str, str] = {
    r"(trigger|action\.type|actionType|runtime|tools(\[\])?|webhooks\.\w+ events)": "one of a list of words",
    r"automations(\.\w+ |\[\]\.)actions(\[\](\.(type|params))?)?": "not beside action, which takes the same",
    r"schedule\.(rule|timeZone|cards)": "only for the trigger schedule, and of fixed forms",
    r"recurrence\.(rule|timeZone)": "of fixed forms",
    r"notifications\.update_preferences (timeZone|channels)": "of a fixed form, and words of lists",
    r"webhooks\.\w+ url": "an address without spaces and line breaks",
    r"project_drafts\.generate_roadmap feedback": "only for a planner with a language model, which no test has",
    r"project_drafts\.edit_roadmap operations(\[\]\.(type|name|id|parentId|partIds(\[\])?))?": "few parts with short names",
    r"cards\.list\w* (fields|filter|sort|saved)|saved_filters\.\w+ filter": "words of a language, or the name of a filter",
    r"projects\.create templateId": "a word, or the id of a template",
    r"agents\.\w+ model": "only for a runtime that no test has",
    r"(columnId|scopeId|parentId|labelIds(\[\])?|relations|targetCardId|targetKey|_id|customField\[\])": "compared as a whole",
    r"custom_fields\.update option(s|Ids)(\[\])?": "only for a field of another type; creating one takes the same",
    r"(projects\.import|imports\.add_part) cards\[\]\.customFields": "of fields of the file; creating a card takes the same",
    r"trash\.restore name": "only for a project, which takes the same when it is updated",
    r"cards\.update_many cards": "each card is changed once, and there are few",
}
"""The slots, as regular expressions, in which no hostile value is valid, with the reason; refusing it must be as quick."""

ROWS = [
    row
    for row in SERVED
    if not SERVICES[row.operation].endpoint.takes_file and row.operation != "system.ready"
]
READS = [row for row in ROWS if row.method == "GET" and not SERVICES[row.operation].endpoint.is_stream]


@pytest.fixture(scope="module")
def shared_permission_world(request: pytest.FixtureRequest) -> Iterator[PermissionWorld]:
    """Yield a permission world on SQLite, which runs in the process that is measured."""
    with open_permission_world(Sqlite, request.config.stash[RUN]) as opened_world:
        yield opened_world


def scan_reference() -> None:
    """Do a fixed piece of work, whose time says how fast the processor is at the moment."""
    for _ in range(20):
        for _ in re.finditer(r"\w", "a[b](c) " * 4_000):
            pass


def measure(do: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of a call in seconds, and its result."""
    start = time.process_time()
    result = do()
    return time.process_time() - start, result


class Trial:
    """Requests with hostile values in a slot, one after the other, and reads of them; all changes are discarded.

    Attributes:
        costs: The processor time of each step in seconds.
        error: The message of the first answer; None if it succeeded.
    """

    def __init__(
        self, permission_world: PermissionWorld, row: Row, slot: Slot, shape: str, size: int
    ) -> None:
        self.costs: dict[str, float] = {}
        self._world, self._row = permission_world, row
        is_large = slot.size_max > SIZE
        with permission_world.sandbox.discard_changes():
            self.error = self._write("first", slot.build_value(shape, size, 0), slot)
            if SERVICES[row.operation].endpoint.in_query or self.error is not None:
                return
            self._write("second", slot.build_value(shape, size, 1), slot)
            for number in range(2, STORED if LONG and is_large else 2):
                self._write("stored", slot.build_value(shape, min(size, SIZE), number), slot)
            self._write("further", slot.build_value(shape, size, STORED), slot)
            self.costs["jobs"], _ = measure(permission_world.core.work.run_due)
            for other in READS:
                is_same = other.operation.partition(".")[0] == row.operation.partition(".")[0]
                if is_same or (is_large and other.operation in ALWAYS_READ):
                    self._send(other.operation, other)

    def _write(self, step: str, value: Any, slot: Slot) -> str | None:
        endpoint = SERVICES[self._row.operation].endpoint
        request = fill(endpoint.request_class, make_good_request(self._world, self._row), slot, value)
        if endpoint.in_query:
            return self._send(step, self._row, query=urlencode(request, doseq=True))
        return self._send(step, self._row, body=request)

    def _send(self, step: str, row: Row, **arguments: Any) -> str | None:
        params = make_path_params(self._world, row, PERSONA)
        self.costs[step], answer = measure(lambda: send(self._world, row, PERSONA, params, **arguments))
        return orjson.loads(answer.body)["message"] if answer.status >= 300 else None


def find_slow_steps(
    permission_world: PermissionWorld, row: Row, slot: Slot, shape: str
) -> tuple[str | None, dict[str, str]]:
    """Return the error of the first answer, and the steps that take too long, with their times."""
    slow: dict[str, str] = {}
    for size in SIZES:
        small = Trial(permission_world, row, slot, shape, size // 10).costs if size > SIZE else {}
        for attempt in range(TRIES):
            trial = Trial(permission_world, row, slot, shape, size)
            longest = REFERENCES_MAX * measure_cpu_time(scan_reference, tries=2)
            times = {
                step: (seconds, min(longest, GROWTH_MAX * max(small.get(step, 0), FLOOR)))
                for step, seconds in trial.costs.items()
                if not attempt or step in slow
            }
            slow = {
                step: f"{seconds:.3f} s of {most:.3f}"
                for step, (seconds, most) in times.items()
                if seconds > most
            }
            if not slow:
                break
        if slow or trial.error is None or slot.has_fixed_form or slot.size_max < size:
            break
    return trial.error, slow


@pytest.mark.slow("measures how processor time grows")
@pytest.mark.wide(when="costs")
@each_row(ROWS)
def test_hostile_values_take_linear_time(permission_world: PermissionWorld, row: Row):
    problems: dict[str, object] = {}
    request_class = SERVICES[row.operation].endpoint.request_class
    for slot in find_slots(request_class, make_good_request(permission_world, row)):
        name = f"{row.operation} {slot.name}"
        if name in NOT_TRIED:
            continue
        shapes = list(SHAPES) if slot.item is None else ["one word"]
        first = zlib.crc32(name.encode()) % len(shapes)
        is_settled = slot.has_fixed_form or any(
            re.fullmatch(f".*[ .]({form})|{form}", name) for form in REFUSED
        )
        for number, shape in enumerate(shapes[first:] + shapes[:first]):
            is_small = slot.size_max <= SIZE or slot.wrap is not None
            if number and is_settled and is_small and not LONG:
                break
            error, slow = find_slow_steps(permission_world, row, slot, shape)
            is_settled = is_settled or error is None
            if slow:
                problems[f"{name}, {shape}"] = slow
        if not is_settled:
            problems[name] = f"never accepted: {error}"
    assert problems == {}
