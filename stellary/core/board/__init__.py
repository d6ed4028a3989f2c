"""The board: projects, their columns and cards, and what hangs on a card."""
