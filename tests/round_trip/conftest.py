"""The stage of the permission tests, on which requests are sent and read back."""

from tests.security.conftest import built, stage

__all__ = ["built", "stage"]
