"""A board that is kept up to date from the events of its workspace alone."""

from typing import Any

Json = dict[str, Any]


class LiveBoard:
    """A board as ``GET …/board`` returns it, and the events that have happened since.

    Args:
        board: The response of ``GET …/board``.
    """

    def __init__(self, board: Json) -> None:
        self.project: Json = board["project"]
        self.scopes: list[Json] = [{**scope, "columns": []} for scope in board["scopes"]]
        self.columns: list[Json] = board["columns"]
        self.labels: list[Json] = board["labels"]
        self.fields: list[Json] = board["customFields"]
        self.people: dict[str, Json] = {person["userId"]: person for person in board["members"]}
        self.cards: dict[str, Json] = {card["id"]: card for card in board["cards"]}
        self.card_ids: dict[str, list[str]] = {column["id"]: [] for column in self.columns}
        for card in board["cards"]:
            self.card_ids[card["columnId"]].append(card["id"])

    def to_json(self) -> Json:
        """Return the board as ``GET …/board`` returns it."""
        columns = []
        for scope in self.scopes:
            scope_columns = [column for column in self.columns if column["scopeId"] == scope["id"]]
            columns += [
                {**column, "order": order, "cardCount": len(self.card_ids[column["id"]])}
                for order, column in enumerate(scope_columns)
            ]
        cards = [
            {**self.cards[id], "order": order, "columnId": column["id"]}
            for column in columns
            for order, id in enumerate(self.card_ids[column["id"]])
        ]
        assigned = {card["assigneeId"] for card in cards}
        people = [
            person for person in self.people.values() if person["isMember"] or person["userId"] in assigned
        ]
        return {
            "project": self.project,
            "scopes": [
                {
                    **scope,
                    "order": order,
                    "columns": [column for column in columns if column["scopeId"] == scope["id"]],
                }
                for order, scope in enumerate(self.scopes)
            ],
            "columns": columns,
            "cards": cards,
            "labels": self.labels,
            "customFields": self.fields,
            "members": sorted(people, key=lambda person: (not person["isMember"], person["userId"])),
        }

    def apply(self, event: Json) -> None:
        """Apply an event of the project."""
        if event["card"] is not None:
            self.cards[event["cardId"]] = event["card"]
        if (assignee := event["assignee"]) is not None:
            self.people.setdefault(assignee["userId"], {**assignee, "isMember": False, "role": None})
        name = f"_apply_{event['type']}"
        if hasattr(self, name):
            getattr(self, name)(event)
        elif event["item"] is not None and event["entity"] in ("scope", "column", "label", "custom_field"):
            self._apply_item(event)

    # ------------------------------------------------------------------------------------------ cards

    def _take(self, id: str) -> None:
        """Take a card off the board."""
        for ids in self.card_ids.values():
            if id in ids:
                ids.remove(id)

    def _place(self, event: Json, column_id: str) -> None:
        id = event["cardId"]
        self._take(id)
        orders = [change["to"] for change in event["changes"] if change["field"] == "order"]
        # A move records its order even if it is the same in both columns.
        order = orders[0] if orders else event["meta"].get("toOrder")
        ids = self.card_ids.get(column_id)
        if ids is None:
            # It was in that column of another project before its transfer.
            return
        # A card that is archived with the move has no order, and is taken off by the next event.
        ids.insert(len(ids) if order is None else order, id)

    def _apply_card_created(self, event: Json) -> None:
        self._place(event, event["meta"]["toColumnId"])

    def _apply_card_moved(self, event: Json) -> None:
        if not event["meta"].get("archived"):
            self._place(event, event["meta"]["toColumnId"])

    _apply_card_transferred = _apply_card_moved

    def _apply_card_transferred_out(self, event: Json) -> None:
        self._take(event["entityId"])

    def _apply_card_updated(self, event: Json) -> None:
        fields = [change["field"] for change in event["changes"]]
        if "toColumnId" in event["meta"]:
            self._place(event, event["meta"]["toColumnId"])
        elif "order" in fields:
            for column_id in [id for id, ids in self.card_ids.items() if event["cardId"] in ids]:
                self._place(event, column_id)

    def _apply_card_archived(self, event: Json) -> None:
        self._take(event["cardId"])

    def _apply_item_restored(self, event: Json) -> None:
        if "toColumnId" in event["meta"]:
            self._place(event, event["meta"]["toColumnId"])
        elif event["entity"] in ("scope", "column", "label", "custom_field"):
            self._apply_item(event)

    def _apply_card_deleted(self, event: Json) -> None:
        self._take(event["cardId"])

    # ------------------------------------------------------------------------------------------ other items

    def _apply_item(self, event: Json) -> None:
        item, kind = event["item"], event["entity"]
        items = {
            "scope": self.scopes,
            "column": self.columns,
            "label": self.labels,
            "custom_field": self.fields,
        }[kind]
        old = next((index for index, other in enumerate(items) if other["id"] == item["id"]), None)
        if old is not None:
            del items[old]
        if event["type"].endswith("_deleted"):
            if kind == "column":
                del self.card_ids[item["id"]]
        elif kind == "scope":
            items.insert(item["order"], {**item, "columns": []})
        elif kind == "column":
            following = [other for other in items if other["scopeId"] == item["scopeId"]][item["order"] :]
            items.insert(items.index(following[0]) if following else len(items), item)
            self.card_ids.setdefault(item["id"], [])
        else:
            items.append(item)
            items.sort(key=lambda other: other["id"])
        for value in event["meta"].get("values", ()):
            self._set_value(event, value)

    def _set_value(self, event: Json, value: Json) -> None:
        """Set the labels of a card, or its value of a field, unless the card is as new already."""
        card = self.cards.get(value["cardId"])
        if card is None or card["version"] >= value["version"]:
            return
        fields: Json = {"labelIds": value["to"]}
        if event["entity"] == "custom_field":
            values = {id: other for id, other in card["customFields"].items() if id != event["entityId"]}
            if value["to"] is not None:
                values[event["entityId"]] = value["to"]
            fields = {"customFields": values}
        changes = {**fields, "version": value["version"], "updatedAt": event["createdAt"]}
        self.cards[card["id"]] = {**card, **changes}

    def _apply_project_updated(self, event: Json) -> None:
        self.project = event["item"]

    def _apply_member_added(self, event: Json) -> None:
        member = {name: event["item"][name] for name in ("userId", "email", "name", "role")}
        self.people[member["userId"]] = {**member, "isMember": True}
        self.project = {**self.project, "memberCount": self.project["memberCount"] + 1}

    def _apply_member_removed(self, event: Json) -> None:
        self.people[event["entityId"]] |= {"isMember": False, "role": None}
        self.project = {**self.project, "memberCount": self.project["memberCount"] - 1}
