"""Statements that read many rows: lists of cards, counts, filters, text search, recipients."""
