"""Methods of several calls, whose signatures and docstrings are those of the functions in the client that return their steps."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import attrs

CLIENT = Path(__file__).resolve().parents[1] / "stellary" / "client"
_FIRST_ARGUMENT = re.compile(r"(Args:\n) {4}\w+:.*\n(?: {5,}.*\n)*")


@attrs.frozen
class StepsMethod:
    """A method that runs the steps that a function returns for its handle.

    Attributes:
        name: The name of the method and of the function.
        module: The module of the function, below ``stellary.client``.
        progress: The work and the unit of its progress bar; empty if it has none.
    """

    name: str
    module: str
    progress: list[str]

    @classmethod
    def parse(cls, name: str, text: str) -> StepsMethod:
        """Return the method that ``handles.toml`` describes.

        Args:
            name: Its name.
            text: The module, the work and the unit, as words.
        """
        module, *progress = text.split()
        return cls(name, module, progress)

    @property
    def source(self) -> str:
        """The text of the module."""
        return CLIENT.joinpath(*self.module.split(".")).with_suffix(".py").read_text()

    @property
    def homes(self) -> dict[str, str]:
        """The modules of the names in its annotations."""
        imports = (node for node in ast.walk(ast.parse(self.source)) if isinstance(node, ast.ImportFrom))
        homes = {alias.name: node.module or "" for node in imports for alias in node.names}
        homes["Progress"] = "stellary.client.transfer.progress"
        names = re.findall(r"\w+", " ".join([*self.parameters, self.result]))
        return {name: homes[name] for name in names if name in homes}

    @property
    def function(self) -> ast.FunctionDef:
        """The function that returns its steps."""
        functions = (node for node in ast.parse(self.source).body if isinstance(node, ast.FunctionDef))
        return next(function for function in functions if function.name == self.name)

    @property
    def parameters(self) -> list[str]:
        """Its parameters with their types and defaults, without the handle."""
        arguments = self.function.args
        keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        texts = [self._quote(argument) for argument in arguments.args[1:]]
        texts += ["*"] if arguments.kwonlyargs else []
        texts += [f"{self._quote(keyword)} = {self._quote(default)}" for keyword, default in keywords]
        return [text.replace(": ReportProgress", ": Progress") for text in texts]

    @property
    def result(self) -> str:
        """The type of its result."""
        return self._quote(self.function.returns).removeprefix("Steps[").removesuffix("]")

    @property
    def docstring(self) -> str:
        """The docstring of the function, without the handle."""
        text = _FIRST_ARGUMENT.sub(r"\1", ast.get_docstring(self.function) or "")
        return text.replace(" progress: C", " progress: True for a progress bar; or a function, c")

    @property
    def body(self) -> list[str]:
        """The lines that run the steps."""
        arguments = self.function.args
        passed = [argument.arg for argument in arguments.args[1:]]
        passed += [f"{name}={name}" for name in (keyword.arg for keyword in arguments.kwonlyargs)]
        lines = [f"from stellary.client.{self.module} import {self.name}"]
        if not self.progress:
            return [*lines, f"return self._run_steps({self.name}({', '.join(['self', *passed])}))"]
        work, unit = self.progress
        passed.remove("progress=progress")
        call = ", ".join(["self", self.name, "progress", f'"{work}"', f'"{unit}"', *passed])
        lines += ["from stellary.client.transfer.progress import run_showing_progress"]
        return [*lines, f"return run_showing_progress({call})"]

    def _quote(self, node: ast.AST | None) -> str:
        return (node and ast.get_source_segment(self.source, node)) or ""
