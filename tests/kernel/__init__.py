"""Kernel proof: what patcher's edits do in a real kernel, shown in a virtual machine."""
