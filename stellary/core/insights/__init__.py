"""Insights: the views of a scope, and the portfolio of projects."""
