"""The reference server: aiohttp around the core. It contains no domain logic."""
