"""Follow a board live.

Prints each change in a workspace as it happens. The stream reconnects by itself; store `last_event_id` to resume after a restart. See
[Events](../guides/events.md).
"""

from collections.abc import Iterator

from stellary import Workspace
from stellary.contract.wire import UNSET, Unset


def follow(ws: Workspace, last_event_id: str | Unset = UNSET) -> Iterator[tuple[str, str]]:
    with ws.events(last_event_id=last_event_id) as events:
        for activity in events:
            card = activity.meta.get("cardKey", "")
            yield activity.id, f"{activity.actor_name}: {activity.type} {card}".rstrip()
