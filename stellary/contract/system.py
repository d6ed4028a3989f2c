"""System: what a deployment says about itself, to anybody."""

from __future__ import annotations

from typing import Any, Literal

from stellary.contract.endpoint import reads
from stellary.contract.policies import PUBLIC
from stellary.contract.refs import Ref
from stellary.contract.wire import Value, value


@value
class About(Value):
    """What answers here, and where it describes itself."""

    name: str
    version: str
    openapi: str = "/openapi.json"
    docs: str = "/docs"


@value
class Health(Value):
    """That the process answers."""

    status: Literal["ok"] = "ok"


@value
class Readiness(Value):
    """That requests can be served. One that cannot is answered by a 503."""

    status: Literal["ready"] = "ready"


ROOT = reads("system.root", Ref, summary="What answers here, in which version.", returns=About, policy=PUBLIC)
HEALTH = reads(
    "system.health",
    Ref,
    "health/live",
    summary="Whether the process is alive, for an orchestrator.",
    returns=Health,
    policy=PUBLIC,
)
READY = reads(
    "system.ready",
    Ref,
    "health/ready",
    summary="Whether requests can be served: 503 while starting, stopping, or without a database that can be written.",
    returns=Readiness,
    policy=PUBLIC,
)
OPENAPI = reads(
    "system.openapi",
    Ref,
    "openapi.json",
    summary="This API as an OpenAPI 3.1 document.",
    returns=dict[str, Any],
    policy=PUBLIC,
)

DOCS = reads(
    "system.docs",
    Ref,
    "docs",
    summary="This API as a page on which it can be read and called. Nothing on it comes from elsewhere.",
    returns=str,
    policy=PUBLIC,
    media="text/html",
)
METRICS = reads(
    "system.metrics",
    Ref,
    "metrics",
    summary="Counts and times of the requests, for Prometheus.",
    returns=str,
    policy=PUBLIC,
    media="text/plain",
)

ENDPOINTS = (ROOT, HEALTH, READY, OPENAPI, DOCS, METRICS)
