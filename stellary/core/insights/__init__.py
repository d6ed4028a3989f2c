"""Insights: what can be told of boards as a whole: the views of a scope, and where all projects stand."""
