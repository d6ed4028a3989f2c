"""Stellary as an app of a Django project: add ``stellary.contrib.django`` to ``INSTALLED_APPS``."""

from __future__ import annotations

from stellary.contrib.django.cores import get_core
from stellary.contrib.django.units import client, get_actor, unit

__all__ = ["client", "get_actor", "get_core", "unit"]
