"""Imports in parts, for projects of any size. ``projects.import_file`` uses them for large files."""

from __future__ import annotations

from stellary.client.calling.method import C, IdLike, Resource, by_id, method
from stellary.contract.multipart_imports import (
    ADD_IMPORT_PART,
    COMPLETE_IMPORT,
    CREATE_IMPORT,
    DELETE_IMPORT,
    GET_IMPORT,
)


class Imports(Resource[C]):
    """The imports in parts of a workspace. Call it with an id for the handle of one."""

    create = method(CREATE_IMPORT)
    get = by_id(GET_IMPORT)
    add_part = by_id(ADD_IMPORT_PART)
    complete = by_id(COMPLETE_IMPORT)
    delete = by_id(DELETE_IMPORT)

    def __call__(self, import_: IdLike) -> ImportHandle[C]:
        return ImportHandle(self._caller, self._extend_path(import_id=import_))


class ImportHandle(Resource[C]):
    """One import in parts."""

    get = method(GET_IMPORT)
    add_part = method(ADD_IMPORT_PART)
    complete = method(COMPLETE_IMPORT)
    delete = method(DELETE_IMPORT)
