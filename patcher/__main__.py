"""``patcher`` and ``python -m patcher``."""

from __future__ import annotations

import signal

TYPE_CHECKING = False  # the module that has it takes longer to import than all else here
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Signals are handled before it is imported, which takes a while; until
    they are, Ctrl-C ends the program without a word, as it ends one that is not written in Python.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from patcher import interrupts

    interrupts.install()
    from patcher.cli import main

    main()


if __name__ == "__main__":
    main()
