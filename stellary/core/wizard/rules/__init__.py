"""The rules of the wizard: stages of a draft, reading of a brief, questions, and planning."""
