"""Names for annotations: the handles of a board and of a workspace, for blocking and for async code.

``def close_sprint(board: Board) -> None`` takes what ``workspace.project(id)`` returns.
"""

from __future__ import annotations

from stellary.client.calling.method import Async, Sync
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle

Board = ProjectHandle[Sync]
"""A project with its columns and cards."""
AsyncBoard = ProjectHandle[Async]
"""A project with its columns and cards, for async code."""
Workspace = WorkspaceHandle[Sync]
"""A workspace."""
AsyncWorkspace = WorkspaceHandle[Async]
"""A workspace, for async code."""
