"""The usage of language models by workspaces, and the accounts that calls of models are charged to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from types import ModuleType

import attrs
from sqlalchemy import (
    Column,
    Connection,
    Executable,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.errors import Conflict
from stellary.contract.model_usage import NO_USAGE, DailyUsage, ModelPurpose, ModelUsage, add_usage
from stellary.contract.wire import as_dict, read
from stellary.core.db.base import IdType, UtcDateTime, is_given, metadata, parent_key
from stellary.core.db.row_fields import RowFields
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.ports.llm import BudgetUsed, ModelAccount, Refused

usage = Table(
    "stellary_model_usage",
    metadata,
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
    # Midnight UTC.
    Column("day", UtcDateTime, primary_key=True),
    Column("purpose", String(20), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Index("ix_stellary_model_usage_day", "day"),
)
keys = Table(
    "stellary_model_keys",
    metadata,
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), primary_key=True),
    Column("provider", String(60), primary_key=True),
    # Encrypted.
    Column("secret", LargeBinary, nullable=False),
)
RETENTION = RetentionRule(usage, usage.c.day, lambda retention: timedelta(days=retention.audit_days))
"""The rule for usage of earlier days."""


class DailyUsageRow(RowType):
    """The usage of a model on a day, which ``list_usage`` reads."""


_FIELDS = RowFields(DailyUsage, usage, converted=("model",), internal=("workspace_id",))
_HERE = is_given(usage.c.workspace_id)
_LIST = Query(
    DailyUsageRow,
    select(*_FIELDS.columns)
    .where(_HERE, usage.c.day >= bindparam("_first_day"))
    .order_by(usage.c.day.desc(), usage.c.purpose, usage.c.model),
)
_TOTAL = select(func.coalesce(func.sum(usage.c.input_tokens + usage.c.output_tokens), 0)).where(
    _HERE, is_given(usage.c.day)
)


_KEYS = select(keys.c.provider, keys.c.secret).where(is_given(keys.c.workspace_id))
_REMOVE_KEY = delete(keys).where(is_given(keys.c.workspace_id), is_given(keys.c.provider))
_ADD_KEY = insert(keys)
_PURPOSE = "model-key"
_COUNTERS = ("calls", "input_tokens", "output_tokens", "seconds")


def _build_addition(dialect: ModuleType) -> Executable:
    row = dialect.insert(usage)
    addition: Executable = row.on_conflict_do_update(
        index_elements=[*usage.primary_key],
        set_={name: usage.c[name] + row.excluded[name] for name in _COUNTERS},
    )
    return addition


_ADD = {"sqlite": _build_addition(sqlite), "postgresql": _build_addition(postgresql)}


def read_usage(stored: object) -> ModelUsage:
    """Return the usage that a column stores in wire format; that of no call for null."""
    return NO_USAGE if stored is None else read(ModelUsage, stored)


def start_of_day(now: datetime) -> datetime:
    """Return the beginning of a day in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def count_tokens(connection: Connection, workspace_id: str, now: datetime) -> int:
    """Return the number of tokens that a workspace has used on a day.

    Args:
        connection: The connection to read from.
        workspace_id: The workspace.
        now: A time on the day.
    """
    total = connection.execute(_TOTAL, {"_workspace_id": workspace_id, "_day": start_of_day(now)})
    return int(total.scalar_one())


def list_usage(uow: UnitOfWork, workspace_id: str, days: int) -> list[DailyUsage]:
    """Return the usage of a workspace on the last days, newest day first.

    Args:
        workspace_id: The workspace.
        days: The number of days, today included.
    """
    first_day = start_of_day(uow.now) - timedelta(days=days - 1)
    rows = _LIST.all(uow.connection, {"_workspace_id": workspace_id, "_first_day": first_day})
    return [_FIELDS.to_value(row) for row in rows]


def list_key_providers(uow: UnitOfWork, workspace_id: str) -> list[str]:
    """Return the providers for which a workspace has a key, in order."""
    return sorted(row.provider for row in uow.connection.execute(_KEYS, {"_workspace_id": workspace_id}))


def store_key(uow: UnitOfWork, workspace_id: str, provider: str, secret: str | None) -> None:
    """Set or remove a workspace's key of a provider.

    Args:
        workspace_id: The workspace, which is locked.
        provider: The provider.
        secret: The key; None removes it.

    Raises:
        Conflict: No later process could decrypt the key.
    """
    signer = uow.env.signer
    uow.connection.execute(_REMOVE_KEY, {"_workspace_id": workspace_id, "_provider": provider})
    if secret is not None:
        if not signer.is_lasting:
            raise Conflict("the server has no lasting secret to encrypt keys with", code="no_lasting_secret")
        encrypted = signer.encrypt(_PURPOSE, f"{workspace_id}:{provider}", secret.encode())
        row = {"workspace_id": workspace_id, "provider": provider, "secret": encrypted}
        uow.connection.execute(_ADD_KEY, row)


class UsageColumn:
    """The column ``usage`` of the missions or of the drafts.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        is_this = is_given(table.c.id)
        self._lock = select(table.c.usage).where(is_this).with_for_update(key_share=True)
        self._change = update(table).where(is_this)

    def add(self, uow: UnitOfWork, usage: ModelUsage, *, id: str) -> ModelUsage:
        """Add the usage of requests to that of an item, also if another process adds to it, and return the sum.

        Args:
            usage: The usage of the requests.
            id: The item.
        """
        total = add_usage(read_usage(uow.connection.execute(self._lock, {"_id": id}).scalar()), usage)
        uow.connection.execute(self._change, {"_id": id, "usage": as_dict(total)})
        return total


@attrs.define(eq=False)
class WorkspaceAccount(ModelAccount):
    """The account of a mission or a draft in a workspace, with the budget of both.

    The budget is checked before each request and charged after it, so each of several callers at a time exceeds it by
    one request at most.

    Args:
        source: Opens units; or the open unit, in which the usage is then recorded.
        find_workspace_id: Returns the workspace. It is called only if a model is.
        purpose: The purpose of the calls.
        spent: What the mission or the draft has used before.
        add: Adds the usage of requests to that of the mission or the draft, and returns the sum; None for one that is not
            stored yet.

    Attributes:
        usage: What the mission or the draft has used so far.
        refusal: The reason why a request was refused; None if none was.
    """

    _source: Units | UnitOfWork
    _find_workspace_id: Callable[[], str]
    _purpose: ModelPurpose
    usage: ModelUsage = attrs.field(default=NO_USAGE, alias="spent")
    _add: Callable[[UnitOfWork, ModelUsage], ModelUsage] | None = None
    refusal: str | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._find_workspace_id = cache(self._find_workspace_id)

    @property
    def _budget(self) -> int:
        return int(getattr(self._source.env.model_budgets, self._purpose))

    def count_remaining(self) -> int:
        """Return the number of tokens that are left for the mission or the draft."""
        return self._budget - self.usage.input_tokens - self.usage.output_tokens

    def check(self) -> None:
        """Check the budgets of the mission or the draft, and of its workspace.

        Raises:
            BudgetUsed: One of them is used up.
        """
        env, workspace_id = self._source.env, self._find_workspace_id()
        with self._reading() as connection:
            total = count_tokens(connection, workspace_id, env.clock())
        daily = env.model_budgets.daily
        if self.count_remaining() <= 0:
            self.refusal = f"The {self._purpose} has used its budget of {self._budget:,} tokens."
        elif total >= daily:
            self.refusal = f"The workspace has used its budget of {daily:,} tokens for today, which ends at midnight UTC."
        if self.refusal is not None:
            raise BudgetUsed(self.refusal)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if isinstance(self._source, UnitOfWork):
            yield self._source.connection
        else:
            with self._source.database.reading() as connection:
                yield connection

    def record(self, usage: ModelUsage) -> None:
        """Add requests to the usage of the workspace, and of the mission or the draft."""
        write = partial(self._write, usage)
        self.usage = write(self._source) if isinstance(self._source, UnitOfWork) else self._source.run(write)

    def _write(self, usage: ModelUsage, uow: UnitOfWork) -> ModelUsage:
        total = add_usage(self.usage, usage) if self._add is None else self._add(uow, usage)
        row = {name: getattr(usage, name) for name in ("model", *_COUNTERS)}
        row |= {
            "workspace_id": self._find_workspace_id(),
            "day": start_of_day(uow.now),
            "purpose": self._purpose,
        }
        uow.connection.execute(_ADD[uow.connection.dialect.name], row)
        return total

    def find_key(self, provider: str) -> str | None:
        """Return the workspace's own key of a provider; None to use that of the server.

        Raises:
            Refused: The key was encrypted with an unknown secret. The server's key would cost the operator.
        """
        workspace_id = self._find_workspace_id()
        with self._reading() as connection:
            rows = connection.execute(_KEYS, {"_workspace_id": workspace_id}).all()
        encrypted = {row.provider: row.secret for row in rows}.get(provider)
        if encrypted is None:
            return None
        secret = self._source.env.signer.decrypt(_PURPOSE, f"{workspace_id}:{provider}", encrypted)
        if secret is None:
            raise Refused(f"the workspace's key of {provider} cannot be decrypted: set it again")
        return secret.decode()
