"""Retention: old rows are deleted, a few at a time, by statements that read no others."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, Float, Integer, LargeBinary, insert, select

from stellary.core import NOBODY, Core, Retention
from stellary.core.__main__ import main
from stellary.core.api.retention import CONTENT_RULES, RULES
from stellary.core.db.base import IdType, Json
from stellary.core.kernel.retention import BatchSize, apply_rules
from tests.core.agents.agent_api import AgentApi
from tests.support.plans import explain, sent_statements
from tests.support.tables import automation_traces as traces
from tests.support.tables import count_rows

VALUES = {
    "stellary_webhook_deliveries": {"status": "delivered"},
    "stellary_jobs": {"due_at": None},
}
"""The values with which a row fulfils the condition of its rule."""
KEPT = [
    ("stellary_notifications", "read_at", None),
    ("stellary_webhook_deliveries", "status", "pending"),
    ("stellary_jobs", "due_at", "now"),
]
"""Values with which an old row is kept."""


@pytest.fixture
def board(world):
    """Return a board with an agent, an automation, a webhook and a notification, to which rows can refer."""
    api = AgentApi(world, world.person("ann"))
    api.agent()
    world.ask(api.owner, "POST", f"{api.flat}/webhooks", {"url": "https://example.com/hook"})
    rule = {"trigger": "task_moved", "action": {"type": "archive_card", "params": {}}}
    world.ask(api.owner, "POST", f"{api.path}/automations", rule)
    return api


def build_value(uow, column, number):
    """Return a value for a column that a row must have."""
    if column.foreign_keys:
        (key,) = column.foreign_keys
        return uow.connection.execute(select(key.column).limit(1)).scalar_one()
    if column.type is IdType:
        return uow.new_id()
    if isinstance(column.type, Json):
        return []
    if isinstance(column.type, (Integer, Float)):
        return 0
    if isinstance(column.type, LargeBinary):
        return b""
    if isinstance(getattr(column.type, "impl", None), DateTime):
        return uow.now
    return number[-(column.type.length or 24) :]


def insert_rows(uow, rule, age, count=1, **values):
    """Insert rows to which a rule applies once they have a certain age, and return them."""
    table, column = rule.table, rule.column
    rows = []
    for _ in range(count):
        required = [item for item in table.c if not item.nullable or item.primary_key]
        row = {item.name: build_value(uow, item, uow.new_id()) for item in required}
        rows.append({**row, **VALUES.get(table.name, {}), column.name: uow.now - age, **values})
    uow.connection.execute(insert(table), rows)
    return rows


def empty(uow):
    for rule in RULES:
        uow.connection.execute(rule.table.delete())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.table.name}.{rule.column.name}")
def test_rows_are_deleted_once_their_time_is_over(board, rule, core):
    board.world.stop_clock()
    lifetime = rule.lifetime(Retention())
    with core.begin(NOBODY) as uow:
        empty(uow)
        insert_rows(uow, rule, lifetime)
        insert_rows(uow, rule, lifetime - timedelta(milliseconds=1))
    assert core.delete_expired()[rule.table.name] == 1
    assert count_rows(core, rule.table) == 1


@pytest.mark.parametrize(("name", "column", "value"), KEPT)
def test_old_rows_with_a_purpose_are_kept(board, name, column, value, core):
    rule = next(rule for rule in RULES if rule.table.name == name)
    with core.begin(NOBODY) as uow:
        empty(uow)
        insert_rows(uow, rule, timedelta(days=1_000), **{column: uow.now if value == "now" else value})
    assert core.delete_expired()[name] == 0
    assert count_rows(core, rule.table) == 1


def test_times_are_settings(board, core):
    core.env.retention = Retention(trace_days=2)
    rule = next(rule for rule in RULES if rule.table is traces)
    with core.begin(NOBODY) as uow:
        empty(uow)
        insert_rows(uow, rule, timedelta(days=3))
    assert core.delete_expired()["stellary_automation_traces"] == 1


def test_time_of_less_than_a_day_is_refused():
    with pytest.raises(ValueError, match="audit_days"):
        Retention(audit_days=0)


def test_batches_adapt_to_the_time_that_they_take(board, core):
    rule = next(rule for rule in RULES if rule.table is traces)
    with core.begin(NOBODY) as uow:
        empty(uow)
        insert_rows(uow, rule, timedelta(days=31), 1_000)
    seconds = iter([0.001, 0.001, 0.001, 0.001, 0.030, 0.030, 0.015])
    now, remaining = 0.0, []

    def clock():
        nonlocal now
        remaining.append(count_rows(core, traces))
        if len(remaining) % 2 == 0:
            now += next(seconds)
        return now

    assert apply_rules(core.units, [rule], clock) == {"stellary_automation_traces": 1_000}
    counts = [before - after for before, after in zip(remaining[::2], remaining[1::2], strict=True)]
    assert counts == [25, 50, 100, 200, 400, 200, 25]


@given(st.floats(1e-6, 2e-3))
def test_no_batch_takes_longer_than_50_ms_if_a_row_takes_at_most_2_ms(seconds_per_row):
    now = 0.0

    def delete_rows(count):
        nonlocal now
        now += count * seconds_per_row
        return count

    size = BatchSize(clock=lambda: now)
    for _ in range(20):
        began = now
        size.delete(delete_rows)
        assert now - began <= 0.050 + 1e-9
    assert size.rows <= BatchSize.MAX


@pytest.mark.parametrize(
    "rule", [*RULES, *CONTENT_RULES], ids=lambda rule: f"{rule.table.name}.{rule.column.name}.{rule in RULES}"
)
def test_rule_reads_only_rows_of_an_index(core, rule):
    with sent_statements(("WITH", "DELETE", "UPDATE")) as statements:
        rule.delete_batch(core.units, 25)
    (statement,) = statements
    if core.database.is_sqlite:
        plan = explain(core, statement)
        assert [
            line for line in plan.splitlines() if "SCAN stellary" in line or "TEMP B-TREE FOR ORDER" in line
        ] == []
        return
    sql, parameters = statement
    with core.database.open_raw() as connection, connection.begin() as transaction:
        # Empty tables are cheap to scan: a plan still does so only if no index can answer the statement.
        for method in ("seqscan", "bitmapscan", "sort"):
            connection.exec_driver_sql(f"SET LOCAL enable_{method} = off")
        rows = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters).all()
        transaction.rollback()
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan" not in plan
    assert "Sort Key" not in plan


def test_command_deletes_expired_rows(database_url, capsys):
    core = Core(database_url, bcrypt_rounds=4)
    core.migrate()
    jobs = next(rule for rule in RULES if rule.table.name == "stellary_jobs")
    with core.begin(NOBODY) as uow:
        insert_rows(uow, jobs, timedelta(days=10), 2, kind="note")
    assert main(["sweep", "--database", database_url]) == 0
    assert "stellary_jobs\t0\n" in capsys.readouterr().out
    assert main(["sweep", "--database", database_url, "--job-days", "9"]) == 0
    assert "stellary_jobs\t2\n" in capsys.readouterr().out
    core.close()


def test_command_refuses_a_time_of_less_than_a_day(database_url, capsys):
    assert main(["sweep", "--database", database_url, "--job-days", "0"]) == 2
    assert "job_days" in capsys.readouterr().err
