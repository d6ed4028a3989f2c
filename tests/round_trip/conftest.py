"""The world of the permission tests, in which requests are sent and read back."""

from tests.security.conftest import permission_world, shared_permission_world

__all__ = ["permission_world", "shared_permission_world"]
