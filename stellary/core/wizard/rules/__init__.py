"""The rules of the wizard: what a draft may become, and how a brief is read, asked about and planned."""
