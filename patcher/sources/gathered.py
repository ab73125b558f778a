"""What the sources hold, kept until it is worked on."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import IO

from patcher import git
from patcher.sources.found import Found
from patcher.sources.tally import Tally


class Gathered:
    """What was found, to be gone through as often as wanted, in order.

    It lies in a file without a name, not in memory, since there may be tens of thousands; tokens
    alone stay in memory.
    """

    def __init__(self, items: Iterable[Found | git.Failure], tally: Tally) -> None:
        self.tally = tally
        self._secrets: list[git.Secret] = []  # a few: one for each server
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this lives
        weakref.finalize(self, self._file.close)
        for item in items:
            self._keep(item)
        self._end = self._file.tell()

    def _keep(self, item: Found | git.Failure) -> None:
        try:
            _Pickler(self._file, self._secrets).dump(item)
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()
            why = f"{error.strerror}: the list of repositories is kept there: set TMPDIR"
            raise OSError(error.errno, why, tempfile.gettempdir()) from error

    def __iter__(self) -> Iterator[Found | git.Failure]:
        at = 0
        while at < self._end:
            self._file.seek(at)
            item = _Unpickler(self._file, self._secrets).load()
            at = self._file.tell()
            yield item


class _Pickler(pickle.Pickler):
    def __init__(self, file: IO[bytes], secrets: list[git.Secret]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._secrets = secrets

    def persistent_id(self, value: object) -> int | None:
        if not isinstance(value, git.Secret):
            return None
        if value not in self._secrets:
            self._secrets.append(value)
        return self._secrets.index(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], secrets: list[git.Secret]) -> None:
        super().__init__(file)
        self._secrets = secrets

    def persistent_load(self, number: int) -> git.Secret:
        return self._secrets[number]
