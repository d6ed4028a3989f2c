"""The handles whose methods the steps call. The modules of the handles are above this package, so it does not import them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from stellary.client.calling.caller import AsyncCaller, SyncCaller


class Handle(Protocol):
    """Any handle."""

    _caller: SyncCaller | AsyncCaller
    _path_params: Mapping[str, str]

    def with_options(self, *, idempotency_key: str | None, if_match: None = ...) -> Self: ...


class CardsHandle(Handle, Protocol):
    """The handle of a project's cards."""

    @property
    def list(self) -> Callable[..., Any]: ...


class FilesHandle(Handle, Protocol):
    """The handle of a card's attachments."""

    def _part_loader(self, attachment: str, /) -> Callable[[int], Any]: ...
    @property
    def upload(self) -> Callable[..., Any]: ...


class CardHandle(Protocol):
    """The handle of a card."""

    @property
    def attachments(self) -> FilesHandle: ...


class ProjectHandle(Handle, Protocol):
    """The handle of a project."""

    def card(self, card: str, /) -> CardHandle: ...


class ProjectsHandle(Handle, Protocol):
    """The handle of a workspace's projects."""

    def __call__(self, project: str, /) -> ProjectHandle: ...
    @property
    def import_file(self) -> Callable[..., Any]: ...
    @property
    def delete(self) -> Callable[[str], Any]: ...
