"""Programs for the development of this repository, which ``dev.py`` runs."""
