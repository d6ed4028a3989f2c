"""The example hosts that are Flask applications, which run in the test process."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

HOSTS = Path(__file__).parents[2] / "docs" / "examples" / "hosts"


def import_host(host: str, module: str) -> ModuleType:
    """Import a module of a host, which is not installed.

    Args:
        host: The folder of the host.
        module: The name of the module.
    """
    folder = str(HOSTS / host)
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(module)
