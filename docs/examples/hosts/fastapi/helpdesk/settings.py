"""The settings of the help desk, from environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The settings of one process.

    Attributes:
        database_url: The URL of SQLite or PostgreSQL, without the name of a driver.
        secret: The key that signs tokens, at least 32 bytes.
        data_dir: The folder of attachments.
        runs_jobs: Whether the process runs background jobs. Tests run them with ``core.work.run_due()``.
    """

    database_url: str
    secret: str
    data_dir: Path
    runs_jobs: bool = True

    @classmethod
    def from_environment(cls) -> Settings:
        """Return the settings in environment variables; ``SECRET_KEY`` is required."""
        data_dir = Path(os.environ.get("DATA_DIR", "."))
        return cls(
            database_url=os.environ.get("DATABASE_URL", f"sqlite:///{data_dir}/helpdesk.db"),
            secret=os.environ["SECRET_KEY"],
            data_dir=data_dir,
        )
