"""A help desk, whose tickets are cards."""
