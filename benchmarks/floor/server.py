"""The handlers of the floor, alike on both databases."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import orjson
from aiohttp import web

from benchmarks.floor import sql
from benchmarks.floor.rows import GAP, card_json, insert, items, new_id, position_between
from benchmarks.serving import answer

Json = dict[str, Any]


class Connection(Protocol):
    """The interface of both drivers: rows whose values are read by name or index."""

    async def all(self, statement: str, *values: Any) -> list[Any]: ...

    async def one(self, statement: str, *values: Any) -> Any: ...

    async def run(self, statement: str, *values: Any) -> None: ...


class Database(Protocol):
    """A database, and its representation of times."""

    def reading(self) -> AbstractAsyncContextManager[Connection]: ...

    def writing(self) -> AbstractAsyncContextManager[Connection]: ...

    def now(self) -> Any: ...

    def moment(self, text: str) -> Any: ...


class Server:
    """The handlers of the floor."""

    def __init__(self, database: Database, site: Json) -> None:
        self._database = database
        # The signature of a token is checked once and cached.
        self._users = {f"Bearer {site['token']}": site["users"][0]}

    async def whoami(self, request: web.Request) -> web.StreamResponse:
        async with self._database.reading() as connection:
            user = await connection.one(sql.USER, self._user(request))
        return answer(orjson.dumps({"user": dict(user)}))

    async def list_cards(self, request: web.Request) -> web.StreamResponse:
        async with self._database.reading() as connection:
            project = await self._project(connection, request)
            id = project["id"]
            cards = await connection.all(sql.CARDS, id)
            all_labels = await connection.all(sql.ALL_LABELS, id)
            all_items = await connection.all(sql.ALL_ITEMS, id)
            all_counts = await connection.all(sql.ALL_COUNTS, id, id)
        labels: defaultdict[str, list[str]] = defaultdict(list)
        checklists: defaultdict[str, list[Any]] = defaultdict(list)
        for row in all_labels:
            labels[row["card_id"]].append(row["label_id"])
        for row in all_items:
            checklists[row["card_id"]].append(row)
        counts = {(row["kind"], row["card_id"]): row["number"] for row in all_counts}
        orders: defaultdict[str, int] = defaultdict(int)
        cards_json = []
        for row in cards:
            card = row["id"]
            card_counts = (counts.get((0, card), 0), counts.get((1, card), 0))
            order = orders[row["column_id"]]
            orders[row["column_id"]] += 1
            cards_json.append(
                card_json(row, project["key"], order, labels[card], items(checklists[card]), card_counts)
            )
        return answer(orjson.dumps(cards_json))

    async def get(self, request: web.Request) -> web.StreamResponse:
        async with self._database.reading() as connection:
            card = await self._card(connection, request)
            card_json = await self._card_json(connection, card, card["key"])
        return answer(orjson.dumps(card_json))

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        async with self._database.writing() as connection:
            project = await self._project(connection, request)
            column = await connection.one(sql.COLUMN, request.match_info["column"], project["id"])
            if column is None:
                raise web.HTTPNotFound
            (number,) = await connection.one(sql.NUMBER, project["id"])
            last = await connection.all(sql.LAST, column["id"])
            card = self._card_row(request, body, column, number, position_between(last))
            await connection.run(insert("cards", card), *card.values())
            for label in body.get("labelIds", ()):
                await connection.run(sql.ADD_LABEL, card["id"], label)
            where = (project["workspace_id"], card["id"], project["id"], card["id"])
            title, body_text = f"{project['key']}-{number} {card['title']}", card["description"] or ""
            await connection.run(sql.ADD_SEARCH_ENTRY, *where, title.casefold(), body_text.casefold())
            await self._note(
                connection,
                request,
                project["workspace_id"],
                card,
                "card_created",
                {"cardTitle": card["title"], "column": column["name"]},
            )
            created = await self._card_json(connection, card, project["key"])
        return answer(orjson.dumps(created), 201)

    def _card_row(self, request: web.Request, body: Json, column: Any, number: int, position: int) -> Json:
        now = self._database.now()
        status = column["card_status"] or "open"
        due = body.get("dueDate")
        return {
            "id": new_id(),
            "project_id": column["project_id"],
            "scope_id": column["scope_id"],
            "column_id": column["id"],
            "number": number,
            "title": body["title"],
            "description": body.get("description"),
            "status": status,
            "priority": body.get("priority"),
            "start_date": None,
            "due_date": due and self._database.moment(due + "T00:00:00Z"),
            "completed_at": now if status == "done" else None,
            "assignee_id": body.get("assigneeId"),
            "created_by_id": self._user(request),
            "position": position,
            "archived": False,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }

    async def move(self, request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        async with self._database.writing() as connection:
            card = await self._card(connection, request)
            ids = (card["column_id"], body["columnId"])
            columns = {
                row["id"]: row for row in await connection.all(sql.BOTH_COLUMNS, *ids, card["project_id"])
            }
            source, column = columns[ids[0]], columns.get(ids[1])
            if column is None:
                raise web.HTTPBadRequest
            position = await self._position(connection, card["id"], column["id"], body.get("order"))
            status, now = column["card_status"] or card["status"], self._database.now()
            done = (card["completed_at"] or now) if status == "done" else None
            moved = await connection.one(
                sql.MOVE, column["id"], column["scope_id"], position, status, done, now, card["id"]
            )
            meta = {"cardTitle": card["title"], "fromColumn": source["name"], "toColumn": column["name"]}
            await self._note(connection, request, card["workspace_id"], moved, "card_moved", meta)
            moved_json = await self._card_json(connection, moved, card["key"])
        return answer(orjson.dumps(moved_json))

    async def _position(self, connection: Connection, card: str, column: str, order: int | None) -> int:
        if order == 0:
            first = await connection.one(sql.BETWEEN, column, card, 0)
            return first["position"] - GAP if first else 0
        if order is not None and (beside := await connection.all(sql.BETWEEN, column, card, order - 1)):
            return position_between(beside)
        return position_between(await connection.all(sql.LAST, column))

    def _user(self, request: web.Request) -> str:
        user = self._users.get(request.headers.get("Authorization", ""))
        if user is None:
            raise web.HTTPUnauthorized
        return str(user)

    async def _project(self, connection: Connection, request: web.Request) -> Any:
        path, user = request.match_info, self._user(request)
        row = await connection.one(sql.PROJECT, path["ws"], user, path["project"], path["org"])
        if row is None:
            raise web.HTTPNotFound
        return row

    async def _card(self, connection: Connection, request: web.Request) -> Any:
        path, user = request.match_info, self._user(request)
        row = await connection.one(sql.CARD, path["ws"], user, path["project"], path["card"], path["org"])
        if row is None:
            raise web.HTTPNotFound
        return row

    async def _card_json(self, connection: Connection, card: Any, key: str) -> Json:
        id = card["id"]
        labels = [row["label_id"] for row in await connection.all(sql.LABELS, id)]
        checklist = items(await connection.all(sql.ITEMS, id))
        counts = await connection.one(sql.COUNTS, id, id, card["column_id"], card["position"])
        return card_json(card, key, counts[2], labels, checklist, (counts[0], counts[1]))

    async def _note(
        self,
        connection: Connection,
        request: web.Request,
        workspace_id: str,
        card: Any,
        type: str,
        meta: Json,
    ) -> None:
        user, activity = self._user(request), new_id()
        where = (workspace_id, card["project_id"], card["id"])
        meta_json = orjson.dumps(meta).decode()
        await connection.run(sql.ADD_ACTIVITY, activity, type, user, *where, meta_json, card["updated_at"])
        people = {card["assignee_id"], card["created_by_id"]}
        people.update(row["author_id"] for row in await connection.all(sql.COMMENTERS, card["id"]))
        for person in people - {user, None}:
            await connection.run(sql.ADD_NOTIFICATION, new_id(), person, activity)
