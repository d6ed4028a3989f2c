"""The budgets of language models, without the database, so that settings can be read without it."""

from __future__ import annotations

import attrs

_TOKENS = (attrs.validators.ge(1), attrs.validators.lt(10**9))


@attrs.frozen(kw_only=True)
class ModelBudgets:
    """The numbers of input and output tokens that calls of models may use. Each is from 1 to 999,999,999.

    Attributes:
        mission: A mission of an agent. Default: 200,000.
        draft: The questions and roadmaps of a project draft. Default: 200,000.
        daily: A workspace on a day. Default: 2,000,000.
    """

    mission: int = attrs.field(default=200_000, validator=_TOKENS)
    draft: int = attrs.field(default=200_000, validator=_TOKENS)
    daily: int = attrs.field(default=2_000_000, validator=_TOKENS)
