"""Project set-up: declare a project in a file or a value, plan the changes it needs, and apply the plan.

    from stellary.client import project_setup

    plan = project_setup.plan(ws, "launch.yaml")
    print(plan)
    project_setup.apply(plan)

Applying a declaration a second time changes nothing. Nothing is deleted unless you plan with ``prune=True``.
"""

from __future__ import annotations

from typing import Any, overload

from stellary.client.calling.form import ReportProgress
from stellary.client.calling.method import Async, Later, Sync
from stellary.client.calling.short_errors import shorten_errors
from stellary.client.calling.steps import Steps, run_steps, run_steps_async
from stellary.client.errors import StalePlan, UnsuitableDeclaration, check_type
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.client.project_setup.applying import Applied, ChangeCallback, apply_plan
from stellary.client.project_setup.changes import Change, Difference
from stellary.client.project_setup.declaration import (
    Action,
    Automation,
    Card,
    Column,
    Declaration,
    Field,
    Label,
    Member,
    Project,
    Scope,
    Step,
)
from stellary.client.project_setup.describing import describe_state
from stellary.client.project_setup.files import DeclarationSource, dumps, load_source, loads, read
from stellary.client.project_setup.planning import Plan, make_plan
from stellary.client.project_setup.state import EVERYTHING, read_state
from stellary.client.transfer.progress import Progress, show_progress

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
    "Member",
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
    at: WorkspaceHandle[Sync] | ProjectHandle[Sync], declaration: DeclarationSource, *, prune: bool = False
) -> Plan[Sync]: ...
@overload
def plan(
    at: WorkspaceHandle[Async] | ProjectHandle[Async], declaration: DeclarationSource, *, prune: bool = False
) -> Later[Plan[Async]]: ...
@shorten_errors
def plan(at: Any, declaration: DeclarationSource, *, prune: bool = False) -> Any:
    """Plan the changes that make a project match its declaration. Nothing is changed yet.

    Args:
        at: The project, or its workspace. In a workspace the project is looked up by key or name, and the plan creates
            it if it does not exist.
        declaration: A value, a dict, or the path of a file.
        prune: Also delete items that the declaration does not list, of the kinds that it does list. Default False.

    Raises:
        UnsuitableDeclaration: The declaration is invalid, or refers to something that does not exist.
        OSError: The file cannot be read.
    """
    check_type("at", at, WorkspaceHandle, ProjectHandle)
    loaded, problems = load_source(declaration)
    return _run(at, make_plan(at, loaded, problems, prune))


@overload
def apply(
    plan: Plan[Sync], *, on_change: ChangeCallback | None = None, progress: Progress | None = None
) -> Applied: ...
@overload
def apply(
    plan: Plan[Async], *, on_change: ChangeCallback | None = None, progress: Progress | None = None
) -> Later[Applied]: ...
@shorten_errors
def apply(
    plan: Plan[Any], *, on_change: ChangeCallback | None = None, progress: Progress | None = None
) -> Any:
    """Apply a plan. If that is interrupted, make a new plan to continue from there.

    Args:
        plan: A plan made by ``plan``.
        on_change: Called with each change after it has been applied.
        progress: True for a progress bar; or a callback that receives the number of applied changes and their total.

    Raises:
        StalePlan: The project has changed since the plan was made. Only the changes passed to ``on_change`` were applied.
    """
    check_type("plan", plan, Plan)

    def run(report: ReportProgress | None) -> Any:
        count = 0

        def report_change(change: Change) -> None:
            nonlocal count
            count += 1
            if on_change is not None:
                on_change(change)
            if report is not None:
                report(count, len(plan.changes))

        return _run(plan.at, apply_plan(plan, report_change))

    return show_progress(progress, "set-up", "change", run, awaits=plan.at._awaits)


@overload
def describe(project: ProjectHandle[Sync]) -> Declaration: ...
@overload
def describe(project: ProjectHandle[Async]) -> Later[Declaration]: ...
@shorten_errors
def describe(project: ProjectHandle[Any]) -> Any:
    """Return the declaration of an existing project; ``dumps`` writes it as YAML."""
    check_type("project", project, ProjectHandle)
    return _run(project, _describe(project))


def _describe(project: ProjectHandle[Any]) -> Steps[Declaration]:
    state = yield from read_state(project, project, EVERYTHING)
    return describe_state(state)


def _run(at: Any, steps: Steps[Any]) -> Any:
    return run_steps_async(steps, in_threads=False) if at._awaits else run_steps(steps)
