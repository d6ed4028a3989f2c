"""The reference server: aiohttp around the core. It carries requests and decides nothing."""
