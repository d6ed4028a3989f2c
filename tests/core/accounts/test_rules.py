"""The rules of accounts, without a database."""

from stellary.core.accounts import rules
from stellary.core.accounts.rules import Seat
from tests.support.each_case import for_each

SEATS = [
    Seat("joined", is_personal=False, ws_role="member"),
    Seat("led", is_personal=False, ws_role=None),
    Seat("home", is_personal=True, ws_role=None),
]


@for_each(
    "before, after, lost",
    [
        ("admin", None, ["joined", "led"]),
        ("member", None, ["joined"]),
        ("admin", "member", ["led"]),
        ("member", "admin", []),
        ("admin", "admin", []),
    ],
)
def test_lost_workspaces_were_accessible_before(before, after, lost):
    assert rules.find_lost_workspaces(SEATS, before, after) == lost
