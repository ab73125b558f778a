"""Fakes of the forges for the life of a review, held to what the forges publish."""
