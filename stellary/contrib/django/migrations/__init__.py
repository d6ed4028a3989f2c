"""The migrations of Django, which run those of the core."""
