"""Processes of tests that are forked from one that has loaded everything: starting one takes no time."""

from __future__ import annotations

import multiprocessing

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["reference_server.serve", "pytest", "tests.core.agents.agent_api"])
