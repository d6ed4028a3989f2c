"""Rules of insights: views and figures of cards. Pure functions."""
