"""A dask LocalCluster in a process of its own: a scheduler, and workers in separate processes.

``python -m tests.campaigns.workers FOLDER WORKERS`` writes the scheduler's address, does what lines
on standard input say (``kill`` or ``lose`` a worker: its nanny starts it again, or does not), and
answers with the worker's process id. Each worker has a cache and a memory below the folder, which
the module itself sets up as dask's preload. What scheduler and workers log is in ``FOLDER/log``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

_FOLDER = "TESTS_WORKERS_FOLDER"
_LACKING = "TESTS_WORKERS_LACK"


@dataclass
class Workers:
    """The cluster, from outside."""

    address: str
    folder: Path
    process: subprocess.Popen[str]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self, *, for_good: bool) -> int:
        """Kill a worker with -9; its process id."""
        return int(self._told("lose" if for_good else "kill"))

    def end(self) -> None:
        """Kill the scheduler with -9, and with it the nannies; the workers follow by themselves."""
        self.process.kill()
        self.process.wait()
        self._await()

    def close(self) -> None:
        """Let all of it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.end()

    def _await(self) -> None:
        """Wait for the end of the other processes, of which one tidies up for those killed."""
        end = time.monotonic() + 15
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(self.process.pid, 0)
                time.sleep(0.02)
            os.killpg(self.process.pid, signal.SIGKILL)

    def _told(self, word: str) -> str:
        asked, answer = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answer is not None
        asked.write(word + "\n")
        asked.flush()
        return answer.readline().strip()


@contextlib.contextmanager
def cluster(
    folder: Path, env: Mapping[str, str] | None = None, *, workers: int = 2, lacking: str = ""
) -> Iterator[Workers]:
    """Run it. ``lacking``: a module that workers cannot import."""
    folder.mkdir(parents=True)
    own = {**(os.environ if env is None else env), _FOLDER: str(folder), _LACKING: lacking}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.workers", str(folder), str(workers)],
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    started = Workers("", folder, process)
    try:
        assert process.stdout is not None
        started.address = process.stdout.readline().strip()
        assert started.address, started.log
        yield started
    finally:
        started.close()
        assert process.stdout is not None
        process.stdout.close()


def dask_setup(worker: Any) -> None:
    """dask calls it in each worker's process when that starts."""
    folder = Path(os.environ[_FOLDER]) / str(worker.name)
    os.environ["PATCHER_CACHE_DIR"] = str(folder / "cache")
    os.environ["PATCHER_STATE_DIR"] = str(folder / "state")
    (folder).mkdir(exist_ok=True)
    if os.environ[_LACKING]:
        sys.meta_path.insert(0, _Lacking())


class _Lacking:
    """Finds no module of a name, as where it is not installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == os.environ[_LACKING]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _main(folder: Path, workers: int, answers: IO[str]) -> NoReturn:
    from distributed import LocalCluster, Status

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=workers,
        threads_per_worker=2,
        processes=True,
        dashboard_address=None,
        local_directory=str(folder),
        preload=["tests.campaigns.workers"],
    ) as running:
        print(running.scheduler_address, file=answers, flush=True)
        for line in sys.stdin:
            nanny = running.workers[0]
            pid = nanny.pid
            if line.strip() == "lose":
                nanny.status = Status.failed
            os.kill(pid, signal.SIGKILL)
            print(pid, file=answers, flush=True)
    sys.exit()


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), sys.stdout)
