"""Types of the client, checked by mypy and pyright in strict mode, and never run.

Each line that must be refused bears the ignore comments of both; one that is not needed is an error itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any, assert_type

import httpx

from stellary import AsyncPage, AsyncStellary, Board, NotFound, Page, Stellary, Workspace
from stellary.client import Response, project_setup, with_raw_response
from stellary.client.display import View, view
from stellary.client.importers import LeftOut, read_github_issues, read_trello
from stellary.client.methods.cards import Cards
from stellary.client.testing import RecordingPort, make
from stellary.contract.agent_missions import AgentMission
from stellary.contract.attachments import Attachment
from stellary.contract.auth import Session
from stellary.contract.cards import Card, CardInColumn, TransferredCard
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.endpoint import Deleted, Ok
from stellary.contract.labels import Label
from stellary.contract.pilotage import Todo
from stellary.contract.project_exports import ProjectFile
from stellary.contract.project_imports import ImportedProject, ProjectImport
from stellary.contract.projects import Project
from stellary.contract.proposals import Proposal
from stellary.contract.relations import Relation
from stellary.contract.search import Hit
from stellary.contract.wizard import ProjectDraft


def blocking(client: Stellary) -> None:
    ws = client.workspace("acme", "eng")
    project = ws.projects.create(name="Q1 Launch", template_id="development")
    assert_type(project, Project)
    board = ws.project(project)
    column, *_ = board.columns.list()
    assert_type(column, Column)
    card = board.columns(column).cards.create(
        title="Write the spec", priority="high", due_date=date(2026, 4, 1)
    )
    assert_type(card, Card)
    assert_type(board.cards.create(column, title="x"), Card)
    assert_type(board.cards.update(card.id, column_id=column.id, order=0, due_date=None), Card)
    assert_type(board.cards.update(card), Card)
    assert_type(board.card(card).update(title="y"), Card)
    assert_type(board.cards.delete(card), Deleted)
    assert_type(board.cards.list(limit=3, priority="low"), Page[Card])
    assert_type(board.cards.list().next_page(), Page[Card])
    assert_type(board.cards.iterate(q="x"), Iterator[Card])
    assert_type(board.card(card).transfer(column_id=column.id), TransferredCard)
    assert_type(board.cards.create_many(cards=[CardInColumn(column_id=column.id, title="x")]), list[Card])
    assert_type(board.card(card).labels.add("l1"), Ok)
    task = ws.agents("a1").missions.create(card_id="c1", prompt="move to Done")
    assert_type(ws.mission(task).approve_all(), list[Proposal])
    assert_type(ws.pilotage.iterate_todos(), Iterator[Todo])
    draft = ws.project_drafts.create(name="Shop", description="Sell online.")
    assert_type(ws.project_drafts.refine(draft, answers={"people": 3}), ProjectDraft)
    field = board.custom_fields.create(name="Severity", type="select", options=["high"])
    assert_type(field, CustomField)
    assert_type(board.card(card).custom_fields.set(values={field.id: "high"}), Card)
    assert_type(ws.projects.import_file(read_trello("x", statuses={"Done": "done"}).project), ProjectImport)
    assert_type(read_github_issues([]).left_out, tuple[LeftOut, ...])
    assert_type(ws.search(q="moon", kind=["card"]), Page[Hit])
    assert_type(ws.iterate_search(q="moon"), Iterator[Hit])
    assert_type(with_raw_response(board.cards.get)(card), Response[Card])
    assert_type(with_raw_response(board.cards.list)(limit=3).value, Page[Card])
    with_raw_response(board.cards.get)(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(client.request("GET", "/auth/me"), Response[Any])
    client.request("GET", "/auth/me", jsn={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(client.with_options(token="t").auth.login(email="a", password="b"), Session)
    assert_type(ws.with_options(timeout=3, if_match=card).project("p").labels.create(name="bug"), Label)
    assert_type(board.export(), ProjectFile)
    assert_type(board.export_to("x"), Path)
    assert_type(board.export_archive("x", progress=print), Path)
    assert_type(board.cards.create_all([], progress=True), list[Card])
    assert_type(ws.projects.import_all([Path("x")], progress=print), list[ProjectImport])
    assert_type(ws.mission("m").wait(progress=True), AgentMission)
    assert_type(board.show("stats"), None)
    assert_type(view(board.cards.list(), most=3), View)
    assert_type(view(board.board(), "calendar").html(), str)
    board.cards.create_all([3])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    assert_type(ws.projects.import_archive(Path("x")), ProjectImport)
    assert_type(ws.projects.import_(project=ImportedProject(name="x")), ProjectImport)
    assert_type(ws.projects.import_file(board.export()), ProjectImport)
    member, *_ = ws.members.list()
    ws.members.update(member, role="admin")

    board.cards.create(column, titel="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    board.cards.create(column, title=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    board.cards.create(title="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    board.cards.create(column)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    board.cards.create(column, title="x", priority="urgent")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    board.cards.get(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    board.cards.get("c", "d")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    board.cards.list(lmit=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    board.cards.iterate(limit="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    board.cards.fly()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.auth.me(id="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def awaiting(client: AsyncStellary) -> None:
    ws = client.workspace("acme", "eng")
    project = await ws.projects.create(name="Q1 Launch")
    assert_type(project, Project)
    board = ws.project(project.id)
    assert_type(await board.cards.list(limit=3), AsyncPage[Card])
    assert_type(await (await board.cards.list()).next_page(), AsyncPage[Card])
    assert_type(board.cards.iterate(), AsyncIterator[Card])
    async for card in board.cards.iterate(limit=50):
        assert_type(card, Card)
        assert_type(await board.cards.update(card, title="x"), Card)
    assert_type(await board.cards.delete("c"), Deleted)
    assert_type(await with_raw_response(board.cards.get)("c"), Response[Card])
    assert_type(await client.request("GET", "/auth/me"), Response[Any])
    assert_type(await board.export_to("x"), Path)
    assert_type(await board.cards.create_all([], progress=print), list[Card])
    assert_type(await board.cards.show(), None)
    assert_type(await board.export_archive("x"), Path)
    assert_type(await ws.projects.import_archive(b"x", progress=print), ProjectImport)
    assert_type(await ws.projects.import_file(Path("x")), ProjectImport)

    await board.cards.create("k", titel="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await board.cards.create("k", title=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await board.cards.update(title="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    for _ in board.cards.iterate():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass


def handles(board: Board, ws: Workspace) -> None:
    (first, *_), label = board.columns.list(), board.labels.list()[0]
    card = board.cards.create(first, title="x", label_ids=[label], assignee_id=ws.members.list()[0])
    assert_type(card, Card)
    assert_type(board.cards.update(card, column_id=board.column(first)), Card)
    assert_type(board.cards.list(column_id=first, label_id=label, assignee_id=None), Page[Card])
    assert_type(board.card("APP-1").id, str)
    assert_type(ws.slug, str)
    assert_type(board.card(card) == board.card(card.id), bool)
    assert_type(
        board.card("APP-1").relations.create(target_card_id=board.card(card), type="blocks"), Relation
    )
    assert_type(ws.project(board), Board)
    board.cards.list(column_id=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def files(client: Stellary) -> None:
    files = client.workspace("acme", "eng").project("p").card("c").attachments
    assert_type(files.upload(b"x", name="x"), Attachment)
    assert_type(files.download("x"), bytes)
    assert_type(files.download_to("x", "y"), Path)
    assert_type(files.blocks("x"), Iterator[bytes])
    files.upload(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def async_files(client: AsyncStellary) -> None:
    files = client.workspace("acme", "eng").project("p").card("c").attachments
    assert_type(await files.upload(Path("x")), Attachment)
    assert_type(await files.download("x"), bytes)
    assert_type(await files.download_to("x", "y"), Path)
    assert_type(files.blocks("x"), AsyncIterator[bytes])


def clients() -> None:
    with Stellary("http://a", token="t", timeout=3, max_retries=0, http_client=httpx.Client()) as client:
        assert_type(client, Stellary)
    assert_type(Stellary.login("http://a", "a@b.c", "password", timeout=3), Stellary)
    assert_type(Stellary.embedded(RecordingPort()), Stellary)
    assert_type(Stellary("http://a").with_options(retries=1), Stellary)
    Stellary("http://a", http_client=httpx.AsyncClient())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Stellary("http://a", timeout="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Stellary.login("http://a", "a@b.c", "password", tmeout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def async_clients() -> None:
    async with AsyncStellary("http://a", http_client=httpx.AsyncClient()) as client:
        assert_type(client, AsyncStellary)
    assert_type(await AsyncStellary.login("http://a", "a@b.c", "password"), AsyncStellary)
    AsyncStellary("http://a", http_client=httpx.Client())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def project_setups(client: Stellary) -> None:
    ws = client.workspace("acme", "eng")
    declared = project_setup.Declaration(
        project_setup.Project("Launch"), columns=[project_setup.Column("Done", card_status="done")]
    )
    plan = project_setup.plan(ws, declared, prune=True)
    assert_type(project_setup.apply(plan).project, Project)
    assert_type(project_setup.plan(ws.project("p"), Path("x.yaml")).changes, tuple[project_setup.Change, ...])
    assert_type(project_setup.describe(ws.project("p")), project_setup.Declaration)
    project_setup.Column("Done", card_status="dun")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    project_setup.Column("Done", status="done")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def async_project_setups(client: AsyncStellary) -> None:
    ws = client.workspace("acme", "eng")
    plan = await project_setup.plan(ws, "x.yaml")
    assert_type((await project_setup.apply(plan)).project, Project)
    assert_type(await project_setup.describe(ws.project("p")), project_setup.Declaration)


def testing(client: Stellary) -> None:
    assert_type(make(Card, title="x"), Card)
    with client.capture() as calls:
        try:
            client.auth.me()
        except NotFound as error:
            assert_type(error.request_id, str | None)
    assert_type(calls[0].status, int | None)
    _ = Cards
