"""The trash: deleted items are listed, restored and purged."""
