"""Knowledge: documents, their content, and their review."""
