"""Knowledge: documents, what they say, and their review."""
