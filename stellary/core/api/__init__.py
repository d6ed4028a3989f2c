"""The API of the core: requests in, answers out; what reacts to changes; jobs, backups, uploads."""
