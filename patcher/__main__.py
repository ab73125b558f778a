"""``patcher`` and ``python -m patcher``."""

from typing import NoReturn

from patcher import interrupts


def main() -> NoReturn:
    """Run the command line. Signals are handled before it is imported, which takes a while."""
    interrupts.install()
    from patcher.cli import main

    main()


if __name__ == "__main__":
    main()
