"""An extension of griffe: the Python reference shows a method of a stub by its first overload, that of the blocking client."""

from __future__ import annotations

import ast
from typing import Any

import griffe


class StubMethods(griffe.Extension):
    """Makes functions of methods that have only overloads, as the endpoints in the stubs of the client do."""

    def on_function_instance(
        self,
        *,
        node: ast.AST | griffe.ObjectNode,
        func: griffe.Function,
        agent: griffe.Visitor | griffe.Inspector,
        **_: Any,
    ) -> None:
        """Add the first overload to its class, without the type of ``self``.

        Args:
            node: The definition.
            func: The function that is defined there.
            agent: The visitor of the module.
        """
        owner = agent.current
        if agent.filepath is None or agent.filepath.suffix != ".pyi" or func.name in owner.members:
            return
        if "self" in func.parameters:
            func.parameters["self"].annotation = None
        func.decorators = []
        func.labels -= {"async"}
        owner.set_member(func.name, func)
