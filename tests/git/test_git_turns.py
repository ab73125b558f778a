"""What takes much memory is done in the order in which the tasks began."""

from __future__ import annotations

import threading
import time

from patcher import git


def test_the_task_that_began_first_goes_first() -> None:
    done: list[int] = []
    begun = [threading.Event() for _ in range(4)]
    go_on = [threading.Event() for _ in range(4)]

    def work(number: int) -> None:
        git.next_task()
        begun[number].set()
        assert go_on[number].wait(10)
        with git.in_turns():
            git.large(2, 1)
            done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for number, thread in enumerate(threads):
        thread.start()
        assert begun[number].wait(10)
    with git.in_turns():
        git.large(2, 1)
        for event in reversed(go_on):  # the last one asks first
            event.set()
            time.sleep(0.1)
        assert not done
    for thread in threads:
        thread.join(10)
    assert done == [0, 1, 2, 3]
