"""Projects: boards with columns, cards and members."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Async, C, IdLike, Later, Sync
from stellary.client.methods.projects import ProjectHandleMethods, ProjectMembers, ProjectsMethods
from stellary.client.transfer.json_file import JsonFile
from stellary.contract.port import RawResponse
from stellary.contract.project_exports import EXPORT_PROJECT, ProjectFile
from stellary.contract.project_imports import IMPORT_PROJECT, ImportProject, ProjectImport

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress
    from stellary.client.calling.steps import Steps
    from stellary.client.methods.activity import ProjectActivity
    from stellary.client.methods.automations import Automations
    from stellary.client.methods.custom_fields import CustomFields
    from stellary.client.methods.labels import Labels
    from stellary.client.methods.scopes import ScopeHandle, Scopes
    from stellary.client.methods.time_entries import ProjectTimeEntries
    from stellary.client.resources.cards import CardHandle, Cards
    from stellary.client.resources.columns import ColumnHandle, Columns
    from stellary.client.resources.trash import ProjectTrash
    from stellary.client.transfer.archive import ArchiveFile
    from stellary.client.transfer.progress import Progress

_EXPORT = CallPlan(EXPORT_PROJECT)
_IMPORT = CallPlan(IMPORT_PROJECT)


class Projects(ProjectsMethods[C]):
    """The projects of a workspace. Call it with an id for the handle of one."""

    @overload
    def import_file(
        self: Projects[Sync],
        file: JsonFile | ProjectFile | ImportProject,
        *,
        progress: Progress | None = None,
    ) -> ProjectImport: ...
    @overload
    def import_file(
        self: Projects[Async],
        file: JsonFile | ProjectFile | ImportProject,
        *,
        progress: Progress | None = None,
    ) -> Later[ProjectImport]: ...
    def import_file(
        self, file: JsonFile | ProjectFile | ImportProject, *, progress: Progress | None = None
    ) -> Any:
        """Create a project from a file that ``export_to`` has written, completely or not at all.

        A file of more than 500 cards is sent in parts; the project appears when all of them have arrived. With your own
        idempotency key you can repeat an interrupted import within a day, and it continues where it stopped.

        Args:
            file: A path, bytes, a file open for reading, or a dict with the content; or the result of ``export``, or of an
                importer.
            progress: True for a progress bar; or a callback that receives the number of cards sent and of all cards, with
                AsyncStellary in another thread. A file that is sent in one request reports nothing.

        Raises:
            UnsuitableFile: The file is not a JSON object; nothing has been sent.
            Invalid: The file refers to something that it does not contain, or exceeds a limit; nothing was created.
            OSError: The file cannot be read.
        """
        from stellary.client.transfer.progress import show_progress

        def work(report: ReportProgress | None) -> Any:
            return self._run_steps(self._import_steps(file, report))

        return show_progress(progress, "import", "card", work, awaits=self._awaits)

    def _import_steps(self, file: Any, report: ReportProgress | None) -> Steps[ProjectImport]:
        from stellary.client.methods.imports import Imports
        from stellary.client.transfer.import_steps import import_file

        send = partial(self._caller.one, _IMPORT, self._path_params)
        return import_file(Imports(self._caller, self._path_params), send, file, report)

    @overload
    def import_archive(
        self: Projects[Sync], file: ArchiveFile, *, progress: Progress | None = None
    ) -> ProjectImport: ...
    @overload
    def import_archive(
        self: Projects[Async], file: ArchiveFile, *, progress: Progress | None = None
    ) -> Later[ProjectImport]: ...
    def import_archive(self, file: ArchiveFile, *, progress: Progress | None = None) -> Any:
        """Create a project from an archive that ``export_archive`` has written, including files, completely or not at all.

        The archive is read to its end before anything is sent. If one of the files cannot be uploaded, the project is
        deleted again.

        Args:
            file: A path, bytes, or a file open for reading bytes that can be rewound.
            progress: True for a progress bar; or a callback that receives the number of bytes of files sent and of all bytes,
                with AsyncStellary in another thread.

        Returns:
            The new project, and anything that could not be imported.

        Raises:
            UnsuitableFile: The file is not an archive, is damaged, or lacks a file; nothing has been sent.
            Invalid: As for ``import_file``.
            NotImported: A file could not be uploaded. The project was deleted again, or else the error has its id.
            OSError: The file cannot be read.
        """
        from stellary.client.methods.auth import Auth
        from stellary.client.transfer.archive_steps import import_archive
        from stellary.client.transfer.progress import show_progress

        without_key = self.with_options(idempotency_key=None, if_match=None)
        me = Auth(without_key._caller, {}).me  # noqa: SLF001 - of this package

        def work(report: ReportProgress | None) -> Any:
            return self._run_steps(import_archive(self, me, file, report))

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
        """Create a project from each of several files, like ``import_file``: ``import_all(read_trello(path).projects)``.

        Args:
            files: The files, which are imported one after the other. If one cannot be imported, the projects before it stay, and
                a note of the error says so.
            progress: True for a progress bar; or a callback that receives the number of created projects and of all projects.

        Returns:
            The results of ``import_file``, in order.
        """
        from stellary.client.transfer.bulk_steps import import_projects
        from stellary.client.transfer.progress import show_progress

        def work(report: ReportProgress | None) -> Any:
            return self._run_steps(import_projects(self, files, report))

        return show_progress(progress, "projects", "project", work, awaits=self._awaits)

    def __call__(self, project: IdLike) -> ProjectHandle[C]:
        return ProjectHandle(self._caller, self._extend_path(project_id=project))


class ProjectHandle(ProjectHandleMethods[C]):
    """One project, with its board."""

    @overload
    def export_to(self: ProjectHandle[Sync], path: str | os.PathLike[str]) -> Path: ...
    @overload
    def export_to(self: ProjectHandle[Async], path: str | os.PathLike[str]) -> Later[Path]: ...
    def export_to(self, path: str | os.PathLike[str]) -> Any:
        """Export the project to a file, which ``projects.import_file`` reads. An existing file is replaced.

        Args:
            path: The path of the file, not of a folder.

        Returns:
            The path.
        """
        if self._awaits:
            return self._export_to(Path(path))
        caller: Any = self._caller
        return _write_body(Path(path), caller.response(_EXPORT, self._path_params))

    @overload
    def export_archive(
        self: ProjectHandle[Sync], path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path: ...
    @overload
    def export_archive(
        self: ProjectHandle[Async], path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Later[Path]: ...
    def export_archive(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> Any:
        """Export the project with its files to an archive, which ``projects.import_archive`` reads.

        An existing file is replaced when the archive is complete, and stays if the export fails.

        Args:
            path: The path of the ZIP file to write.
            progress: True for a progress bar; or a callback that receives the number of bytes of files received and of all
                bytes, with AsyncStellary in another thread.

        Returns:
            The path.
        """
        from stellary.client.transfer.archive_steps import export_archive
        from stellary.client.transfer.progress import show_progress

        caller: Any = self._caller
        export = partial(caller.response, _EXPORT, self._path_params)

        def work(report: ReportProgress | None) -> Any:
            return self._run_steps(export_archive(self, export, Path(path), report))

        return show_progress(progress, "export", "B", work, awaits=self._awaits)

    async def _export_to(self, path: Path) -> Path:
        import asyncio

        caller: Any = self._caller
        return await asyncio.to_thread(_write_body, path, await caller.response(_EXPORT, self._path_params))

    @property
    def members(self) -> ProjectMembers[C]:
        """The members of the project."""
        return ProjectMembers(self._caller, self._path_params)

    @property
    def columns(self) -> Columns[C]:
        """The columns of the project."""
        from stellary.client.resources.columns import Columns

        return Columns(self._caller, self._path_params)

    @property
    def scopes(self) -> Scopes[C]:
        """The scopes (work packages) of the project."""
        from stellary.client.methods.scopes import Scopes

        return Scopes(self._caller, self._path_params)

    @property
    def cards(self) -> Cards[C]:
        """The cards of the project, across all columns."""
        from stellary.client.resources.cards import Cards

        return Cards(self._caller, self._path_params)

    @property
    def labels(self) -> Labels[C]:
        """The labels for the project's cards."""
        from stellary.client.methods.labels import Labels

        return Labels(self._caller, self._path_params)

    @property
    def custom_fields(self) -> CustomFields[C]:
        """The custom fields of the project."""
        from stellary.client.methods.custom_fields import CustomFields

        return CustomFields(self._caller, self._path_params)

    @property
    def automations(self) -> Automations[C]:
        """The automations of the project."""
        from stellary.client.methods.automations import Automations

        return Automations(self._caller, self._path_params)

    @property
    def activity(self) -> ProjectActivity[C]:
        """The activity of the project."""
        from stellary.client.methods.activity import ProjectActivity

        return ProjectActivity(self._caller, self._path_params)

    @property
    def time_entries(self) -> ProjectTimeEntries[C]:
        """The time that was spent on the cards of the project."""
        from stellary.client.methods.time_entries import ProjectTimeEntries

        return ProjectTimeEntries(self._caller, self._path_params)

    @property
    def trash(self) -> ProjectTrash[C]:
        """The deleted items of the project."""
        from stellary.client.resources.trash import ProjectTrash

        path_params = {name: value for name, value in self._path_params.items() if name != "project_id"}
        return ProjectTrash(self._caller, path_params, self._path_params["project_id"])

    def column(self, column: IdLike) -> ColumnHandle[C]:
        """Return the handle of a column."""
        return self.columns(column)

    def scope(self, scope: IdLike) -> ScopeHandle[C]:
        """Return the handle of a scope."""
        return self.scopes(scope)

    def card(self, card: IdLike) -> CardHandle[C]:
        """Return the handle of a card."""
        return self.cards(card)


def _write_body(path: Path, response: RawResponse) -> Path:
    """Write the body of a response as it is, so that data of a newer server is kept even if this version does not know it."""
    path.write_bytes(response.body)
    return path
