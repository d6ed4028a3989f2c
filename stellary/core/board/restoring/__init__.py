"""Restoring the items of a board from the trash: to their place, or to the nearest one that exists."""
