"""A stream of the activity in a workspace. Section Activity Types of the API reference."""

from __future__ import annotations

from stellary.contract.activities import WorkspaceEvent
from stellary.contract.endpoint import streams
from stellary.contract.policies import BOARD_READ
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import Follow

STREAM_EVENTS = streams(
    "workspace_events.stream",
    WorkspaceRef,
    "events",
    summary="Follow the activity of a workspace: the stream sends each activity as an event `activity` when it is recorded.",
    takes=Follow,
    item=WorkspaceEvent,
    policy=BOARD_READ,
)
