"""Project drafts: the wizard that turns a brief into a project."""

from __future__ import annotations

from stellary.client.calling.method import C, IdLike, ItemHandle, Resource, by_id, iterates, method
from stellary.contract.wizard import (
    CREATE_PROJECT_DRAFT,
    DELETE_PROJECT_DRAFT,
    EXECUTE_PROJECT_DRAFT,
    GENERATE_ROADMAP,
    GET_PROJECT_DRAFT,
    LIST_PROJECT_DRAFTS,
    REFINE_PROJECT_DRAFT,
)


class ProjectDrafts(Resource[C]):
    """The project drafts of a workspace. Call it with an id for the handle of one."""

    create = method(CREATE_PROJECT_DRAFT)
    list = method(LIST_PROJECT_DRAFTS)
    iterate = iterates(LIST_PROJECT_DRAFTS)
    get = by_id(GET_PROJECT_DRAFT)
    delete = by_id(DELETE_PROJECT_DRAFT)
    refine = by_id(REFINE_PROJECT_DRAFT)
    generate_roadmap = by_id(GENERATE_ROADMAP)
    execute = by_id(EXECUTE_PROJECT_DRAFT)

    def __call__(self, draft: IdLike) -> ProjectDraftHandle[C]:
        return ProjectDraftHandle(self._caller, self._extend_path(draft_id=draft))


class ProjectDraftHandle(ItemHandle[C]):
    """One project draft, which you refine, plan and execute."""

    get = method(GET_PROJECT_DRAFT)
    delete = method(DELETE_PROJECT_DRAFT)
    refine = method(REFINE_PROJECT_DRAFT)
    generate_roadmap = method(GENERATE_ROADMAP)
    execute = method(EXECUTE_PROJECT_DRAFT)
