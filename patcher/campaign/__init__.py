"""Many targets: what is there, what would be written, what was written."""
