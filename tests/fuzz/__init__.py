"""Mutations of the fixtures through ``patcher.patch``, and of migrations through their loader."""
