"""The rules of insights: what is made of cards and of their counts."""
