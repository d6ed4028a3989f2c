"""Files, archives and batches of calls."""
