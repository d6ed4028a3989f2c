"""Agents: programs that work in a workspace, what they may do, their missions, and what people decide of them."""
