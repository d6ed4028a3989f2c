"""Downgrades: each migration can be undone and repeated, with rows in the tables."""

from __future__ import annotations

import pytest

from stellary.core import Core
from stellary.core.migrations import _revisions as revisions
from stellary.core.migrations import downgrade, upgrade
from tests.core.test_migrations import KNOWN, PLACE, objects, run, write_at

BOARD = [
    ("scopes", {"id": KNOWN["scope_id"], "name": "Main"}),
    ("columns", {"id": KNOWN["column_id"], "name": "To Do"}),
    (
        "cards",
        {
            "id": KNOWN["card_id"],
            "title": "Write",
            "checklist": "[]",
            "label_ids": f'["{"a" * 24}"]',
            "custom_fields": f'{{"{"b" * 24}":["x","y"],"{"c" * 24}":2,"{"d" * 24}":true}}',
        },
    ),
    ("comments", {"id": "1" * 24, "content": "Well."}),
]
LATER = [
    ("documents", {"id": "2" * 24, "title": "Spec", "content": "{}", "context_type": "organization"}),
    ("automations", {"id": "3" * 24}),
    ("webhooks", {"id": "4" * 24}),
    ("webhook_deliveries", {"id": "5" * 24, "webhook_id": "4" * 24, "status": "pending"}),
    ("jobs", {"id": "6" * 24, "kind": "webhooks.deliver", "payload": "{}"}),
    ("email_tokens", {"id": "7" * 24, "user_id": "0" * 24}),
    ("sessions", {"id": "8" * 24, "user_id": "0" * 24}),
    ("identities", {"user_id": "0" * 24, "issuer": "https://id.example.com", "subject": "1"}),
    ("second_factors", {"user_id": "0" * 24}),
    ("recovery_codes", {"user_id": "0" * 24, "code_digest": "1" * 64}),
    ("trash", {"id": "9" * 24}),
]


@pytest.fixture
def connection(empty_url):
    core = Core(empty_url)
    with core.database.open_migrating() as connection:
        yield connection
    core.close()


def test_each_migration_is_undone_and_repeated(empty_url, connection):
    write_at(empty_url, "0001", *PLACE, *BOARD)
    schemas = {"0001": objects(empty_url)}
    for revision in revisions()[1:]:
        upgrade(connection, revision)
        schemas[revision] = objects(empty_url)
    write_at(empty_url, revisions()[-1], *LATER)
    for revision in reversed(revisions()[:-1]):
        assert downgrade(connection) == revision
        assert objects(empty_url) == schemas[revision]
        if revision == "0013":
            query = "SELECT id, payload FROM stellary_jobs WHERE kind = 'webhooks.deliver'"
            assert [tuple(row) for row in run(empty_url, query)] == [
                ("5" * 24, f'{{"deliveryId":"{"5" * 24}"}}')
            ]
    tables = ("users", "projects", "cards", "comments")
    counts = [run(empty_url, f"SELECT count(*) FROM stellary_{table}")[0][0] for table in tables]
    assert counts == [1] * 4
    for revision in revisions()[1:]:
        upgrade(connection, revision)
        assert objects(empty_url) == schemas[revision]
    terms = run(empty_url, "SELECT term FROM stellary_card_terms ORDER BY term")
    expected = ["a" * 24, f"{'b' * 24}:x", f"{'b' * 24}:y", f"{'d' * 24}:true"]
    assert [term for (term,) in terms] == expected
    assert run(empty_url, "SELECT title FROM stellary_cards") == [("Write",)]


def test_rows_that_an_earlier_version_cannot_have_stop_the_downgrade(empty_url, connection):
    write_at(empty_url, "0021", *PLACE)
    run(empty_url, "UPDATE stellary_projects SET workspace_id = NULL")
    with pytest.raises(RuntimeError, match="complete or delete all imports in parts first"):
        downgrade(connection)
    assert run(empty_url, "SELECT version_num FROM stellary_alembic_version") == [("0021",)]
    assert run(empty_url, "SELECT count(*) FROM stellary_imports") == [(0,)]
    run(empty_url, f"UPDATE stellary_projects SET workspace_id = '{KNOWN['workspace_id']}'")
    assert downgrade(connection) == "0020"
