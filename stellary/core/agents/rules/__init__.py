"""The rules of agents: what one may do, what a mission goes through, and what plain instructions mean."""
