"""Project set-up: a project declared as a file or a value, a plan of what has to be done, and doing it.

    from stellary.client import project_setup

    plan = project_setup.plan(ws, "launch.yaml")
    print(plan)
    project_setup.apply(plan)

Applying twice changes nothing. Nothing is deleted unless a plan is made with ``prune=True``.
"""

from __future__ import annotations

from typing import Any, overload

from stellary.client.calling.method import Async, Later, Sync
from stellary.client.errors import StalePlan, UnsuitableDeclaration
from stellary.client.project_setup import _steps
from stellary.client.project_setup.applying import Applied, Told, applied
from stellary.client.project_setup.changes import Change, Difference
from stellary.client.project_setup.declaration import (
    Action,
    Automation,
    Card,
    Column,
    Declaration,
    Field,
    Label,
    Project,
    Scope,
    Step,
)
from stellary.client.project_setup.describing import described
from stellary.client.project_setup.files import Source, dumps, gathered, loads, read
from stellary.client.project_setup.planning import Plan, planned
from stellary.client.project_setup.state import EVERYTHING, read_state
from stellary.client.resources.projects import ProjectHandle
from stellary.client.resources.workspaces import WorkspaceHandle
from stellary.client.transfer.progress import Progress
from stellary.client.transfer.progress import Told as Tell
from stellary.client.transfer.progress import told as with_progress

__all__ = [
    "Action",
    "Applied",
    "Automation",
    "Card",
    "Change",
    "Column",
    "Declaration",
    "Difference",
    "Field",
    "Label",
    "Plan",
    "Project",
    "Scope",
    "StalePlan",
    "Step",
    "UnsuitableDeclaration",
    "apply",
    "describe",
    "dumps",
    "loads",
    "plan",
    "read",
]


@overload
def plan(
    at: WorkspaceHandle[Sync] | ProjectHandle[Sync], declaration: Source, *, prune: bool = False
) -> Plan[Sync]: ...
@overload
def plan(
    at: WorkspaceHandle[Async] | ProjectHandle[Async], declaration: Source, *, prune: bool = False
) -> Later[Plan[Async]]: ...
def plan(at: Any, declaration: Source, *, prune: bool = False) -> Any:
    """What has to be done so that a project is as it is declared. Nothing is changed.

    Args:
        at: The project; or its workspace, in which it is found by its key or its name, and made if it is not there.
        declaration: A value, a dict, or the path of a file.
        prune: Whether what is there and not declared is to be deleted, of the kinds of things that are declared.

    Raises:
        UnsuitableDeclaration: It makes no sense, or refers to what is not there.
        OSError: The file cannot be read.
    """
    declared, problems = gathered(declaration)
    return _done(at, planned(at, declared, problems, prune))


@overload
def apply(plan: Plan[Sync], *, told: Told | None = None, progress: Progress | None = None) -> Applied: ...
@overload
def apply(
    plan: Plan[Async], *, told: Told | None = None, progress: Progress | None = None
) -> Later[Applied]: ...
def apply(plan: Plan[Any], *, told: Told | None = None, progress: Progress | None = None) -> Any:
    """Make a plan so. If that is interrupted, a new plan goes on from there.

    Args:
        plan: What ``plan`` has made.
        told: Is called with each change once it is made.
        progress: True for a bar; or what is called with how many changes were made and how many there are.

    Raises:
        StalePlan: What it is about has changed since it was made; nothing was changed, or no more than was told.
    """

    def work(tell: Tell | None) -> Any:
        made: list[Change] = []

        def heard(change: Change) -> None:
            made.append(change)
            if told is not None:
                told(change)
            if tell is not None:
                tell(len(made), len(plan.changes))

        return _done(plan.at, applied(plan, heard))

    return with_progress(progress, "set-up", "change", work, awaits=plan.at._awaits)  # noqa: SLF001 - of the SDK


@overload
def describe(project: ProjectHandle[Sync]) -> Declaration: ...
@overload
def describe(project: ProjectHandle[Async]) -> Later[Declaration]: ...
def describe(project: ProjectHandle[Any]) -> Any:
    """The declaration of a project that there is; ``dumps`` writes it as YAML."""
    return _done(project, _described(project))


def _described(project: ProjectHandle[Any]) -> _steps.Steps[Declaration]:
    state = yield from read_state(project, project, EVERYTHING)
    return described(state)


def _done(at: Any, steps: _steps.Steps[Any]) -> Any:
    return _steps.awaited(steps) if at._awaits else _steps.done(steps)  # noqa: SLF001 - of the SDK
