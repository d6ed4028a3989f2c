"""Summarize notifications.

Builds a digest of the unread notifications, grouped by type, and marks them as read. See
[Activity and notifications](../guides/activity-and-notifications.md).
"""

from collections import defaultdict

from stellary import Stellary


def write_digest(client: Stellary) -> str:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for notification in client.notifications.list(unread_only=True):
        activity = notification.activity
        groups[activity.type].append(f"{activity.actor_name}: {activity.meta.get('cardKey', '')}")
    client.notifications.read_all()
    return "\n".join(f"{type} ({len(lines)}): {', '.join(lines)}" for type, lines in sorted(groups.items()))
