"""The rules of documents: pure functions of values."""
