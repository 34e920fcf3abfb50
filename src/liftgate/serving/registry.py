"""The registry in a running application: resolved in microseconds, read again when the file changes.

registry = Registry.load("models.yaml")
answer = registry.resolve("support-intent", key=user_id)
client.chat.completions.create(model=answer.model_id, ...)
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from liftgate.errors import InputError
from liftgate.registry.compiled import read_table
from liftgate.registry.resolve import Resolution, Table

OFF_VARIABLE: Final = "LIFTGATE_OFF"
# File systems keep times in steps of up to two seconds: a file this young may change again without a trace.
_SETTLED_S: Final = 2.0


class State(NamedTuple):
    """What is in force, swapped in one piece: the registry, and the flags that the environment switches off."""

    table: Table
    off: frozenset[str]


Listener = Callable[["Registry", frozenset[str]], object]
"""Told of a change with the flags that it touched, and of a new problem with an empty set."""


class Registry:
    """models.yaml, looked at again at most every `refresh_s` seconds. Threads may share one.

    A file that cannot be used leaves the last good one in force, and `problem` says so, as does a warning of the
    logger `liftgate`. `LIFTGATE_OFF` in the environment switches off the flags and aliases that it names, or all of
    them (`*`).
    """

    _word_problem: str | None = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        refresh_s: float = 1.0,
        env: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path)
        self._refresh_s, self._env, self._now, self._unix_time = refresh_s, env, now, unix_time
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._file_problem: str | None = None
        self._seen: tuple[int, ...] | None = None
        self._text, table = self._read()
        self._words: str | None = None
        self._state = State(table, frozenset())
        self._obey(table)
        if self._word_problem:
            _warn(self._word_problem)
        self._look_at = now() + refresh_s

    @classmethod
    def load(cls, path: str | os.PathLike[str] = "models.yaml", **options: Any) -> Registry:
        """Read a registry. Raises `InputError` when there is none, or with every problem in it."""
        return cls(path, **options)

    def resolve(
        self,
        alias: str,
        key: object = None,
        flags: Mapping[str, Any] | None = None,
        *,
        request: object = None,
        strict: bool = False,
    ) -> Resolution:
        """Which model answers this caller, and which variants get a copy.

        `key` is what stays the same for a caller, such as a user id; without one the default model answers, unless a
        variant has everybody. `flags` may switch variants off: anything but a yes does. `request` is an id of the
        request, by which copies are drawn instead of by `key`. Raises `UnknownAlias`; nothing else, unless `strict`,
        where a missing key and flags that are no booleans raise `InputError`.
        """
        if self._now() >= self._look_at:
            self._look()
        table, off = self._state
        if type(key) is str and request is None and not strict and type(alias) is str:
            # The way of nearly every call, without the steps that it does not need.
            plan = table.plans.get(alias)
            if plan is not None:
                return plan.resolve(key.encode("utf-8", "surrogatepass"), b"", off, flags)
        return table.resolve(alias, key, flags, request=request, off=off, strict=strict)

    @property
    def state(self) -> State:
        """What is in force now."""
        self._look_when_due()
        return self._state

    @property
    def aliases(self) -> tuple[str, ...]:
        """Names that `resolve` takes."""
        return tuple(self.state.table.plans)

    @property
    def problem(self) -> str | None:
        """Why the file as it is now is not in force, or what `LIFTGATE_OFF` gets wrong; None when all is well."""
        self._look_when_due()
        return self._file_problem or self._word_problem

    @property
    def stale(self) -> bool:
        """Whether an older file than the present one is in force."""
        return self._file_problem is not None

    def reload(self) -> None:
        """Look at the file now."""
        with self._lock:
            news = self._look_once()
        self._tell(news)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each change and each new problem, in the thread that noticed it.

        Returns what takes the listener away again.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _look_when_due(self) -> None:
        if self._now() >= self._look_at:
            self._look()

    def _look(self) -> None:
        # One thread looks, the others go on with what is in force.
        if self._lock.acquire(blocking=False):
            try:
                news = self._look_once()
            finally:
                self._lock.release()
            # Without the lock, since a listener may look again.
            self._tell(news)

    def _look_once(self) -> frozenset[str] | None:
        """Take up what changed. The flags that it touched, or None when there is nothing to tell."""
        before, said = self._state, (self._file_problem, self._word_problem)
        try:
            if self._signature() != self._seen:
                text, table = self._read()
                self._file_problem = None
                if text != self._text:
                    self._text = text
                    self._obey(table)
            if self._env.get(OFF_VARIABLE, "") != self._words:
                self._obey(self._state.table)
        except InputError as error:
            self._file_problem = f"{error}\nthe last good registry stays in force"
        except Exception as error:
            self._file_problem = f"{self.path}: {type(error).__name__}\nthe last good registry stays in force"
        finally:
            self._look_at = self._now() + self._refresh_s
        problem = self._file_problem or self._word_problem
        new = (self._file_problem, self._word_problem) != said and problem is not None
        if new:
            _warn(str(problem))
        recovered = said[0] is not None and self._file_problem is None
        return _touched(before, self._state) if new or recovered or before != self._state else None

    def _tell(self, flags: frozenset[str] | None) -> None:
        if flags is None:
            return
        for listener in tuple(self._listeners):
            try:
                listener(self, flags)
            except Exception as error:
                _warn(f"a listener of {self.path} failed: {type(error).__name__}")

    def _obey(self, table: Table) -> None:
        words = self._env.get(OFF_VARIABLE, "")
        off, unknown = table.switched_off(words)
        self._words, self._word_problem = words, None
        if unknown:
            from liftgate.config import did_you_mean

            known = [*table.by_flag, *table.plans]
            self._word_problem = "\n".join(
                f"{OFF_VARIABLE}: {word!r} is neither a flag nor an alias{did_you_mean(word, known)}"
                for word in unknown
            )
        self._state = State(table, off)

    def _signature(self) -> tuple[int, ...]:
        try:
            found = self.path.stat()
        except (OSError, ValueError):
            return ()
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> tuple[bytes, Table]:
        before = self._signature()
        try:
            text = self.path.read_bytes()
            age_s = self._unix_time() - before[0] / 1e9 if before else 0.0
            # A young file, or one that changed while it was read, is read again at the next look.
            settled = before == self._signature() and age_s > _SETTLED_S
            self._seen = before if settled else None
            return text, read_table(text, str(self.path))
        except (OSError, ValueError) as error:
            self._seen = None
            said = getattr(error, "strerror", None) or "cannot be read"
            raise InputError(f"{self.path}: {said}", hint="liftgate init writes one") from None


def _touched(before: State, after: State) -> frozenset[str]:
    """Flags whose answers may have changed."""

    def by_flag(state: State) -> dict[str, Any]:
        return {
            flag: [(plan.entry, flag in state.off) for plan, _ in places]
            for flag, places in state.table.by_flag.items()
        }

    one, other = by_flag(before), by_flag(after)
    return frozenset(flag for flag in one.keys() | other.keys() if one.get(flag) != other.get(flag))


def _warn(message: str) -> None:
    import logging

    logging.getLogger("liftgate").warning("%s", message)
