"""A coroutine that answers requests, seen from outside as an iterator of outcomes.

An event loop in a thread of its own asks while the caller stores and scores.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from liftgate.evaluation.completion import Outcome

Report = Callable[[int, Outcome], Awaitable[None]]


def outcomes(
    work: Callable[[Report], Awaitable[None]], *, remaining_s: Callable[[], float]
) -> Iterator[tuple[int, Outcome]]:
    """Run `work` and yield what it reports, as it comes. Closing the iterator cancels it.

    Ends early once `remaining_s` is spent and all that came until then is delivered. Whatever `work` raises
    is raised here.
    """
    came: queue.SimpleQueue[_Came | BaseException | None] = queue.SimpleQueue()
    stop = _Stop()

    async def report(index: int, outcome: Outcome) -> None:
        # The worker goes on once the caller has dealt with its answer: when the process is killed, no
        # more is lost than what was in flight.
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[None] = loop.create_future()
        came.put(_Came(index, outcome, lambda: loop.call_soon_threadsafe(settle, taken)))
        await taken

    def ask() -> None:
        try:
            asyncio.run(stop.watched(work(report)))
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # handed to the caller's thread, which raises it
            came.put(error)
        came.put(None)

    thread = threading.Thread(target=ask, name="liftgate-endpoint", daemon=True)
    thread.start()
    try:
        while (item := came.get(timeout=_timeout(remaining_s()))) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item.index, item.outcome
            with contextlib.suppress(RuntimeError):  # the loop has ended on an error that comes next
                item.taken()
    except queue.Empty:
        return
    finally:
        stop()
        thread.join()


def settle(future: asyncio.Future[None]) -> None:
    """Let whoever awaits the future go on; nothing when it was cancelled meanwhile."""
    if not future.done():
        future.set_result(None)


def _timeout(remaining_s: float) -> float | None:
    # Threads cannot wait for longer than this; nobody's deadline is further away.
    return None if remaining_s > 1e6 else max(0.0, remaining_s)


@dataclass(frozen=True)
class _Came:
    """An outcome on its way to the caller's thread."""

    index: int
    outcome: Outcome
    taken: Callable[[], object]


class _Stop:
    """Cancels a coroutine from another thread, before or while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._called = False
        self._cancel: Callable[[], object] | None = None

    async def watched(self, work: Awaitable[None]) -> None:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        with self._lock:
            if task is not None and not self._called:
                self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            elif task is not None:
                task.cancel()
        await work

    def __call__(self) -> None:
        with self._lock:
            self._called = True
            if self._cancel is not None:
                with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                    self._cancel()
