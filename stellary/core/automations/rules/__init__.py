"""Rules of automations: triggers of events, and conditions. Pure functions."""
