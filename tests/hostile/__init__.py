"""Repositories that attack whoever opens them."""
