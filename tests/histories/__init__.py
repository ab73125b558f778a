"""Random histories: what others do to bases and review branches, and runs of patcher in between."""
