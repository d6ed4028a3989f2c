"""Activity and notifications: the feed of a project, and the notifications of its members.

Start a server with ``python3 dev.py serve``, then run ``python docs/examples/notifications.py``.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from stellary import Stellary


def notifications(jane: Stellary, rob: Stellary, organization: str, workspace: str) -> list[str]:
    """Let Jane work with Rob in a shared workspace, and return Rob's notifications."""
    ws = jane.workspace(organization, workspace)
    board = ws.project(ws.projects.create(name="Q1 Launch"))
    to_do, doing, _ = board.columns.list()
    rob_id = rob.auth.me().user.id
    rob.notifications.read_all()

    # --8<-- [start:recipients]
    card = board.column(to_do).cards.create(title="Write the spec", assignee_id=rob_id)
    board.card(card).comments.create(content="By Friday, please, @rob.")
    board.cards.update(card.id, column_id=doing.id)
    # --8<-- [end:recipients]

    # --8<-- [start:list]
    for notification in rob.notifications.list(unread_only=True):
        print(notification.activity.type, notification.activity.actor_name, notification.activity.meta)
    print(rob.notifications.count().count)
    # --8<-- [end:list]
    types: list[str] = [
        notification.activity.type for notification in rob.notifications.list(unread_only=True)
    ]

    # --8<-- [start:read]
    newest, *_ = rob.notifications.list(limit=1)
    rob.notifications.read(newest.id)
    rob.notifications.read_all()
    # --8<-- [end:read]
    assert rob.notifications.count().count == 0

    # --8<-- [start:watch]
    followed = rob.workspace(organization, workspace).project(board.id)
    followed.watch()
    followed.card(card).watch(level="mute")
    assert followed.card(card).get_watch().level == "mute"
    followed.unwatch()
    # --8<-- [end:watch]

    # --8<-- [start:preferences]
    preferences = rob.notifications.update_preferences(time_zone="Europe/Berlin", digest="day", digest_hour=9)
    if "mail" in preferences.channels:
        rob.notifications.update_preferences(channels={"mail": {"card": "never", "assignment": "digest"}})
    # --8<-- [end:preferences]
    assert rob.notifications.preferences().digest_hour == 9

    # --8<-- [start:activity]
    for activity in board.activity.list(limit=20):
        print(activity.created_at, activity.actor_name, activity.type)
    of_card = board.activity.list(card_id=card.id)
    moves = board.activity.list(card_id=card.id, type="card_moved")
    # --8<-- [end:activity]
    assert (len(of_card), len(moves)) == (3, 1)
    assert moves[0].meta["toColumn"] == "In Progress"

    # --8<-- [start:leaving]
    ws.members.remove(rob_id)
    print(rob.notifications.list())  # none: Rob has lost access to the workspace
    # --8<-- [end:leaving]
    assert rob.notifications.list() == []
    return types


def main(url: str = "http://localhost:3001") -> None:
    """Run the example with two new accounts, and print the notifications of the second."""
    name = f"acme-{uuid4().hex[:8]}"
    with (
        Stellary.register(url, f"{name}@example.com", "a-long-password", name="Jane Doe") as jane,
        Stellary.register(url, f"rob-{name}@example.com", "a-long-password", name="Rob") as rob,
    ):
        jane.organizations.create(name=name.title(), slug=name)
        jane.organization(name).workspaces.create(name="Engineering", slug="eng")
        invitation = jane.workspace(name, "eng").members.invite(
            email=f"rob-{name}@example.com", role="member"
        )
        assert invitation.token is not None  # the server sends no e-mails
        rob.invitations.accept(invitation.token)
        print(*notifications(jane, rob, name, "eng"), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
