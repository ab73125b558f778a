"""Mutation testing: deliberate mistakes, one at a time, that some test should notice."""
