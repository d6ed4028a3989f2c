"""The rules of the board: values in, values out."""
