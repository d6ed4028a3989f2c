"""The API of the core: requests and responses, reactions to changes, jobs, backups and uploads."""
