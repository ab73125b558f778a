"""Whole campaigns, as a user runs them: real servers, real kills, real workers."""
