"""A fork server that has loaded all modules already, so that processes of tests start quickly."""

import multiprocessing

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    ["reference_server.__main__", "reference_server.serve", "pytest", "tests.core.agents.agent_api"]
)
