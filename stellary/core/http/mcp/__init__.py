"""MCP: the tools for AI clients, at ``/mcp``."""
