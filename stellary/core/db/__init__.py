"""The database layer: engines, connections, locks, retries and errors of SQLite and PostgreSQL."""
