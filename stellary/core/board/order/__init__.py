"""The order of cards and columns, and the row locks that protect it."""
