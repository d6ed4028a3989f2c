"""Assign cards automatically.

A rule of the server assigns each card that is moved to a column to a member. Rules run in the transaction of the change, so your program
does not need to run. See [Automations](../guides/automations.md).
"""

from stellary import Board, Column
from stellary.contract.automations import ActionToRun, Automation


def assign_on_move(board: Board, column: Column, user_id: str) -> Automation:
    return board.automations.create(
        name=f"Assign in {column.name}",
        trigger="task_moved",
        conditions={"all": [{"field": "toColumn", "op": "eq", "value": column.name}]},
        action=ActionToRun(type="assign_card", params={"assigneeId": user_id}),
    )
