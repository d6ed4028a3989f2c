"""Search: an index of what things say, kept in the transaction in which they change, and what is found in it."""
