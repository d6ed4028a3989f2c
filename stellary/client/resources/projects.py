"""Projects: boards with columns, cards and members."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Async, C, Later, Resource, Sync
from stellary.client.transfer.json_file import JsonFile
from stellary.contract.project_exports import EXPORT_PROJECT, ProjectFile
from stellary.contract.project_imports import ImportProject, ProjectImport

if TYPE_CHECKING:
    from stellary.client.calling.steps import Steps
    from stellary.client.transfer.archive import ArchiveFile
    from stellary.client.transfer.progress import Progress

_EXPORT = CallPlan(EXPORT_PROJECT)


class ProjectImports(Resource[C]):
    """Methods of a workspace's projects beside their endpoints: imports of files and archives."""

    @overload
    def import_file(
        self: ProjectImports[Sync],
        file: JsonFile | ProjectFile | ImportProject,
        *,
        progress: Progress | None = None,
    ) -> ProjectImport: ...
    @overload
    def import_file(
        self: ProjectImports[Async],
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
        from stellary.client.transfer.import_steps import import_file
        from stellary.client.transfer.progress import run_showing_progress

        return run_showing_progress(self, partial(import_file, self, file), progress, "import", "card")

    @overload
    def import_archive(
        self: ProjectImports[Sync], file: ArchiveFile, *, progress: Progress | None = None
    ) -> ProjectImport: ...
    @overload
    def import_archive(
        self: ProjectImports[Async], file: ArchiveFile, *, progress: Progress | None = None
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
        from stellary.client.transfer.archive_steps import import_archive
        from stellary.client.transfer.progress import run_showing_progress

        handle: Any = self
        return run_showing_progress(self, partial(import_archive, handle, file), progress, "import", "B")

    @overload
    def import_all(
        self: ProjectImports[Sync],
        files: Iterable[JsonFile | ProjectFile | ImportProject],
        *,
        progress: Progress | None = None,
    ) -> builtins.list[ProjectImport]: ...
    @overload
    def import_all(
        self: ProjectImports[Async],
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
        from stellary.client.transfer.progress import run_showing_progress

        return run_showing_progress(
            self, partial(import_projects, self, files), progress, "projects", "project"
        )


class ProjectExports(Resource[C]):
    """Methods of a project's handle beside its endpoints: exports to files and archives."""

    @overload
    def export_to(self: ProjectExports[Sync], path: str | os.PathLike[str]) -> Path: ...
    @overload
    def export_to(self: ProjectExports[Async], path: str | os.PathLike[str]) -> Later[Path]: ...
    def export_to(self, path: str | os.PathLike[str]) -> Any:
        """Export the project to a file, which ``projects.import_file`` reads. An existing file is replaced.

        Args:
            path: The path of the file, not of a folder.

        Returns:
            The path.
        """
        return self._run_steps(_write_export(self._export_call(), Path(path)))

    @overload
    def export_archive(
        self: ProjectExports[Sync], path: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path: ...
    @overload
    def export_archive(
        self: ProjectExports[Async], path: str | os.PathLike[str], *, progress: Progress | None = None
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
        from stellary.client.transfer.progress import run_showing_progress

        handle: Any = self
        steps = partial(export_archive, handle, self._export_call(), Path(path))
        return run_showing_progress(self, steps, progress, "export", "B")

    def _export_call(self) -> Callable[[], Any]:
        caller: Any = self._caller
        return partial(caller.response, _EXPORT, self._path_params)


def _write_export(export: Callable[[], Any], path: Path) -> Steps[Path]:
    """Write the body of the response as it is, so that data of a newer server is preserved."""
    response = yield export
    path.write_bytes(response.body)
    return path
