"""The work of a person: what is due, what waits for them, and where they were mentioned."""
