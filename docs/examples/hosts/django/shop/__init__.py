"""The project: settings, URLs and the applications for servers."""
