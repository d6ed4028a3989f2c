"""The files in the store of a core."""

from datetime import UTC, datetime

from stellary.core import Core


def list_blob_keys(core: Core) -> list[str]:
    """Return the keys of all files in the store, sorted."""
    return sorted(core.env.blobs.older_than(datetime.max.replace(tzinfo=UTC)))
