"""The pages that links in emails lead to: rendered by the server, without scripts."""
