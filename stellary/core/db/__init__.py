"""The database: engines, connections, locks and migrations' helpers for SQLite and PostgreSQL."""
