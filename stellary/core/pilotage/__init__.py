"""Pilotage: what a workspace is out to reach, and what is proposed to be done about it."""
