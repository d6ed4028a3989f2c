"""Projects: boards with columns and cards, and who works on them."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.call import Plan
from stellary.client.calling.method import Async, C, Id, Later, Resource, Sync, by_id, iterates, method
from stellary.client.transfer.json_file import JsonFile, parse_json_file
from stellary.contract.port import RawResponse
from stellary.contract.portfolio import GET_PORTFOLIO
from stellary.contract.project_exports import EXPORT_PROJECT, ProjectFile
from stellary.contract.project_imports import IMPORT_PROJECT, ImportProject, ProjectImport
from stellary.contract.projects import (
    ADD_PROJECT_MEMBER,
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_BOARD,
    GET_PROJECT,
    LIST_PROJECT_MEMBERS,
    LIST_PROJECTS,
    LIST_TEMPLATES,
    REMOVE_PROJECT_MEMBER,
    UPDATE_PROJECT,
)

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress
    from stellary.client.resources.activity import ProjectActivity
    from stellary.client.resources.automations import Automations
    from stellary.client.resources.cards import CardHandle, Cards
    from stellary.client.resources.columns import ColumnHandle, Columns
    from stellary.client.resources.custom_fields import CustomFields
    from stellary.client.resources.labels import Labels
    from stellary.client.resources.scopes import ScopeHandle, Scopes
    from stellary.client.transfer.archive import ArchiveFile
    from stellary.client.transfer.progress import Progress

_EXPORT = Plan(EXPORT_PROJECT)
_IMPORT = Plan(IMPORT_PROJECT)
_NOTHING = _EXPORT.said({})


class Projects(Resource[C]):
    """The projects of a workspace. Called with an id it gives the handle of one: its board."""

    create = method(CREATE_PROJECT)
    list = method(LIST_PROJECTS)
    iterate = iterates(LIST_PROJECTS)
    templates = method(LIST_TEMPLATES)
    portfolio = method(GET_PORTFOLIO)
    get = by_id(GET_PROJECT)
    update = by_id(UPDATE_PROJECT)
    delete = by_id(DELETE_PROJECT)
    board = by_id(GET_BOARD)
    export = by_id(EXPORT_PROJECT)
    # ``import`` is a word of Python's own.
    import_ = method(IMPORT_PROJECT)

    @overload
    def import_file(self: Projects[Sync], file: JsonFile | ProjectFile | ImportProject) -> ProjectImport: ...
    @overload
    def import_file(
        self: Projects[Async], file: JsonFile | ProjectFile | ImportProject
    ) -> Later[ProjectImport]: ...
    def import_file(self, file: JsonFile | ProjectFile | ImportProject) -> Any:
        """Make a project of a file, as ``export_to`` writes it: all of it or nothing.

        Args:
            file: A path, the bytes, a file that is open for reading, or what it says as a dict; or what ``export``
                gave, or an importer has read.

        Raises:
            UnsuitableFile: It is no JSON object; nothing has been sent.
            Invalid: It refers to what is not in it, or holds more than 50 columns or 500 cards.
            OSError: It cannot be read.
        """
        if self._awaits:
            return self._file_imported(file)
        return self._caller.one(_IMPORT, self._place, _said(file))

    @overload
    def import_archive(
        self: Projects[Sync], file: ArchiveFile, *, progress: Progress | None = None
    ) -> ProjectImport: ...
    @overload
    def import_archive(
        self: Projects[Async], file: ArchiveFile, *, progress: Progress | None = None
    ) -> Later[ProjectImport]: ...
    def import_archive(self, file: ArchiveFile, *, progress: Progress | None = None) -> Any:
        """Make a project of an archive, as ``export_archive`` writes it: with its files, all of it or nothing.

        The archive is read to its end before anything is sent. If one of the files cannot be uploaded, the project is
        deleted again.

        Args:
            file: A path, the bytes, or a file that is open for reading bytes and can be rewound.
            progress: True for a bar; or what is called with the bytes of files that have been sent and those that there
                are, with AsyncStellary in another thread.

        Raises:
            UnsuitableFile: It is no archive, is damaged, or lacks a file; nothing has been sent.
            Invalid: As of ``import_file``.
            NotImported: A file could not be uploaded. What was made was deleted again, or else the error says what is
                left.
            OSError: It cannot be read.
        """
        from stellary.client.resources.auth import Auth
        from stellary.client.transfer.archive_steps import import_archive
        from stellary.client.transfer.progress import show_progress
        from stellary.client.transfer.steps import run_steps, run_steps_async

        without_key = self.with_options(idempotency_key=None, if_match=None)
        me = Auth(without_key._caller, {}).me  # noqa: SLF001 - of this package

        def work(report: ReportProgress | None) -> Any:
            steps = import_archive(self, me, file, report)
            return run_steps_async(steps) if self._awaits else run_steps(steps)

        return show_progress(progress, "import", "B", work, awaits=self._awaits)

    @overload
    def import_all(
        self: Projects[Sync],
        files: Iterable[JsonFile | ProjectFile | ImportProject],
        *,
        progress: Progress | None = None,
    ) -> builtins.list[ProjectImport]: ...
    @overload
    def import_all(
        self: Projects[Async],
        files: Iterable[JsonFile | ProjectFile | ImportProject],
        *,
        progress: Progress | None = None,
    ) -> Later[builtins.list[ProjectImport]]: ...
    def import_all(
        self, files: Iterable[JsonFile | ProjectFile | ImportProject], *, progress: Progress | None = None
    ) -> Any:
        """Make a project of each of many files, as ``import_file`` does: ``import_all(read_trello(path).projects)``.

        Args:
            files: One after the other; if one cannot be imported, those before it stay, and a note of the error says so.
            progress: True for a bar; or what is called with the projects that have been made and those that there are.
        """
        from stellary.client.transfer.bulk_steps import import_projects
        from stellary.client.transfer.progress import show_progress
        from stellary.client.transfer.steps import run_steps, run_steps_async

        def work(report: ReportProgress | None) -> Any:
            steps = import_projects(self, files, report)
            return run_steps_async(steps) if self._awaits else run_steps(steps)

        return show_progress(progress, "projects", "project", work, awaits=self._awaits)

    async def _file_imported(self, file: Any) -> Any:
        import asyncio

        caller: Any = self._caller
        return await caller.one(_IMPORT, self._place, await asyncio.to_thread(_said, file))

    def __call__(self, project: Id) -> ProjectHandle[C]:
        return ProjectHandle(self._caller, self._below(project_id=project))


class ProjectHandle(Resource[C]):
    """One project, and all that is on its board."""

    get = method(GET_PROJECT)
    update = method(UPDATE_PROJECT)
    delete = method(DELETE_PROJECT)
    board = method(GET_BOARD)
    export = method(EXPORT_PROJECT)

    @overload
    def export_to(self: ProjectHandle[Sync], path: str | os.PathLike[str]) -> Path: ...
    @overload
    def export_to(self: ProjectHandle[Async], path: str | os.PathLike[str]) -> Later[Path]: ...
    def export_to(self, path: str | os.PathLike[str]) -> Any:
        """Export the project to a file, which ``projects.import_file`` takes. What is there is replaced.

        Args:
            path: Of the file, not of a folder.

        Returns:
            The path.
        """
        if self._awaits:
            return self._exported_to(Path(path))
        caller: Any = self._caller
        return _written(Path(path), caller.response(_EXPORT, self._place, _NOTHING))

    @overload
    def export_archive(
        self: ProjectHandle[Sync], path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path: ...
    @overload
    def export_archive(
        self: ProjectHandle[Async], path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Later[Path]: ...
    def export_archive(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> Any:
        """Export the project with its files to an archive, which ``projects.import_archive`` takes.

        What is at the path is replaced once all has come, and stays if that fails.

        Args:
            path: Of a ZIP file to be.
            progress: True for a bar; or what is called with the bytes of files that have come and those that there are,
                with AsyncStellary in another thread.

        Returns:
            The path.
        """
        from stellary.client.transfer.archive_steps import export_archive
        from stellary.client.transfer.progress import show_progress
        from stellary.client.transfer.steps import run_steps, run_steps_async

        caller: Any = self._caller
        export = partial(caller.response, _EXPORT, self._place, _NOTHING)

        def work(report: ReportProgress | None) -> Any:
            steps = export_archive(self, export, Path(path), report)
            return run_steps_async(steps) if self._awaits else run_steps(steps)

        return show_progress(progress, "export", "B", work, awaits=self._awaits)

    async def _exported_to(self, path: Path) -> Path:
        import asyncio

        caller: Any = self._caller
        return await asyncio.to_thread(_written, path, await caller.response(_EXPORT, self._place, _NOTHING))

    @property
    def members(self) -> ProjectMembers[C]:
        """Who works on it."""
        return ProjectMembers(self._caller, self._place)

    @property
    def columns(self) -> Columns[C]:
        """Its columns."""
        from stellary.client.resources.columns import Columns

        return Columns(self._caller, self._place)

    @property
    def scopes(self) -> Scopes[C]:
        """Its work packages."""
        from stellary.client.resources.scopes import Scopes

        return Scopes(self._caller, self._place)

    @property
    def cards(self) -> Cards[C]:
        """Its cards, across all columns."""
        from stellary.client.resources.cards import Cards

        return Cards(self._caller, self._place)

    @property
    def labels(self) -> Labels[C]:
        """The labels that its cards can bear."""
        from stellary.client.resources.labels import Labels

        return Labels(self._caller, self._place)

    @property
    def custom_fields(self) -> CustomFields[C]:
        """What it wants to know of its cards."""
        from stellary.client.resources.custom_fields import CustomFields

        return CustomFields(self._caller, self._place)

    @property
    def automations(self) -> Automations[C]:
        """Its rules."""
        from stellary.client.resources.automations import Automations

        return Automations(self._caller, self._place)

    @property
    def activity(self) -> ProjectActivity[C]:
        """What has happened in it."""
        from stellary.client.resources.activity import ProjectActivity

        return ProjectActivity(self._caller, self._place)

    def column(self, column: Id) -> ColumnHandle[C]:
        """One of its columns."""
        return self.columns(column)

    def scope(self, scope: Id) -> ScopeHandle[C]:
        """One of its scopes."""
        return self.scopes(scope)

    def card(self, card: Id) -> CardHandle[C]:
        """One of its cards."""
        return self.cards(card)


class ProjectMembers(Resource[C]):
    """Who works on a project. ``remove`` takes a user's id, or a member."""

    list = method(LIST_PROJECT_MEMBERS)
    iterate = iterates(LIST_PROJECT_MEMBERS)
    add = method(ADD_PROJECT_MEMBER)
    remove = by_id(REMOVE_PROJECT_MEMBER)


def _said(file: Any) -> Any:
    return (
        file
        if isinstance(file, ProjectFile | ImportProject)
        else parse_json_file(file, "an exported project")
    )


def _written(path: Path, response: RawResponse) -> Path:
    """As it came: what a newer server tells is in it, whether or not this version knows it."""
    path.write_bytes(response.body)
    return path
