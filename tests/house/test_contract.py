"""The contract compared with an independent list of endpoints."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

import stellary.contract
from stellary.contract import ENDPOINTS
from stellary.contract.wire import Paged
from tests.support.each_case import for_each

with Path(__file__).with_name("endpoints.tsv").open(newline="") as lines:
    ROWS = {row["operation"]: row for row in csv.DictReader(lines, delimiter="\t")}


@for_each("endpoint", ENDPOINTS)
def test_each_endpoint_agrees_with_its_row(endpoint):
    row = ROWS.get(endpoint.operation)
    assert row is not None, "add its row to tests/house/endpoints.tsv"
    policy = endpoint.policy
    declared = (endpoint.method, endpoint.path, policy.role, policy.token, policy.agent, str(endpoint.status))
    assert declared == (row["method"], row["path"], row["role"], row["pat"], row["agent"], row["status"])


def test_each_operation_is_one():
    operations = [endpoint.operation for endpoint in ENDPOINTS]
    assert sorted(operations) == sorted(set(operations))


@for_each("endpoint", [endpoint for endpoint in ENDPOINTS if endpoint.many])
def test_every_list_can_be_paged(endpoint):
    assert issubclass(endpoint.request_class, Paged)


def test_importing_a_resource_loads_neither_cattrs_nor_other_resources():
    code = "import sys, stellary.contract.labels; print(*sorted(sys.modules))"
    loaded_modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"cattrs", "httpx", "sqlalchemy", "stellary.contract.cards"} & set(loaded_modules) == set()


def test_the_contract_has_no_other_lazy_names():
    with pytest.raises(AttributeError, match="nothing"):
        _ = stellary.contract.nothing
