"""The board: projects with their columns and cards, and the comments, files, labels, fields and relations of cards."""
