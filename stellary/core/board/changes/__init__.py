"""Changes of cards that several services share: fields, moves, references, keys."""
