"""Run patcher with every thread of it in a profiler of its own, by processor time.

    python benchmarks/profiled.py FILE WORDS...     # WORDS are patcher's; FILE takes what it took

By processor time, because a busy machine takes as much of it as an idle one. What git takes is told
apart.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import resource
import sys
import threading
import time
from pathlib import Path

_PATIENCE = 0.5
"""Seconds that a thread gets to end."""


def main() -> None:
    """Profile, and write the statistics and a summary."""
    told, *words = sys.argv[1:]
    sys.path[0] = str(Path.cwd())  # the patcher that `python -m patcher` runs, and no other
    profile = cProfile.Profile(time.thread_time)
    ended: list[cProfile.Profile] = []
    plain = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        own = cProfile.Profile(time.thread_time)
        own.runcall(plain, thread)
        ended.append(own)

    threading.Thread.run = profiled  # type: ignore[method-assign, assignment]
    sys.argv = ["patcher", *words]
    status: object = 0
    started = time.perf_counter()
    try:
        profile.runcall(_patcher)
    except SystemExit as end:
        status = end.code
    wall = time.perf_counter() - started
    # Those that wait for ever have nothing to do, and no clock but their own can tell their time.
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_PATIENCE)
    stats = pstats.Stats(profile, *ended)
    stats.dump_stats(told)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, below = (each.ru_utime + each.ru_stime for each in used)
    Path(f"{told}.json").write_text(json.dumps({"wall": wall, "own": own, "below": below}))
    sys.exit(status if isinstance(status, int) else 1)


def _patcher() -> None:
    from patcher.cli import main

    main()


if __name__ == "__main__":
    main()
