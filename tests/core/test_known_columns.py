"""Values of statements belong to columns that exist: while tests run, SQLAlchemy accepts no others."""

import pytest
from sqlalchemy import insert, update

from stellary.core.db.base import is_given
from tests.support.each_case import for_each
from tests.support.tables import agent_missions

END = update(agent_missions).where(is_given(agent_missions.c.id)).values(step=1)


@for_each("names", [["_id", "finished_at"], ["_id", "_unused"], ["_id"], None])
def test_values_of_columns_and_parameters_are_accepted(names):
    assert "step=:step" in str(END.compile(column_keys=names))


@for_each("statement", [END, insert(agent_missions)])
def test_value_of_an_unknown_column_is_rejected(statement):
    with pytest.raises(TypeError, match="stellary_agent_missions has no column 'finished'"):
        statement.compile(column_keys=["id", "_id", "finished"])
