"""Faults: killed at any moment, disks that are full, repositories that are damaged or busy."""
