"""``python -m patcher``."""

from patcher.cli import main

main()
