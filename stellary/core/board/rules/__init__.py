"""The rules of the board: pure functions of values."""
