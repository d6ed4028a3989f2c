"""Invite members.

Invites several people to a workspace, and skips those who are members already. Each receives an e-mail with a link. See [Team](../guides/team.md).
"""

from stellary import Conflict, Workspace


def invite(ws: Workspace, addresses: list[str]) -> list[str]:
    invited: list[str] = []
    for address in addresses:
        try:
            ws.members.invite(email=address, role="member")
        except Conflict as error:
            print(f"{address}: {error.message}")
        else:
            invited.append(address)
    return invited
