"""An endpoint that asks by the batch in place of one by one: same model, same keys in the store, half the price."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from liftgate.digests import digest
from liftgate.errors import InputError, ProviderError, ReplyLost, StillRunning
from liftgate.evaluation.batches import Batch, Provider, State
from liftgate.evaluation.batches.ledger import Entry, Ledger
from liftgate.evaluation.completion import Completion, Failure, Outcome, Request
from liftgate.evaluation.endpoints import Endpoint
from liftgate.evaluation.faults import Unsendable
from liftgate.evaluation.limits import Limits
from liftgate.evaluation.responses import response_key

DEFAULT_LOOK_S: Final = 30.0


class BatchedEndpoint:
    """Speaks for `live`, whose answers these are. Its answers have no latency: nobody waited for one of them.

    `look_s` is how long to wait between two looks at the provider. Ends with `StillRunning` at the deadline: the
    batches go on without us, and the same command finds them again. With `fewer_live`, requests that are too few
    for a batch of this provider are asked one by one.
    """

    def __init__(
        self,
        live: Endpoint,
        provider: Provider,
        ledger: Ledger,
        *,
        limits: Limits,
        look_s: float = DEFAULT_LOOK_S,
        say: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        fewer_live: bool = False,
    ) -> None:
        self.kind, self.deterministic = live.kind, live.deterministic
        self._live, self._provider, self._ledger = live, provider, ledger
        self._limits, self._look_s, self._say, self._sleep = limits, look_s, say, sleep
        self._fewer_live = fewer_live

    def identity(self) -> dict[str, Any]:
        """That of the model that answers."""
        return self._live.identity()

    def complete(self, requests: Sequence[Request], wanted: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Find the batches that were created before, create what is in none, and wait for all of them."""
        numbers = {self._key(requests[index]): index for index in wanted}
        if not numbers:
            return
        with self._ledger.locked():
            entries, refused, live = self._entries(requests, numbers)
        for key, why in refused.items():
            yield numbers.pop(key), Failure("unsendable", why)
        if live:
            yield from self._live.complete(requests, [numbers.pop(key) for key in live])
        yield from self._awaited(entries, requests, numbers)

    def _entries(
        self, requests: Sequence[Request], numbers: Mapping[str, int]
    ) -> tuple[list[Entry], dict[str, str], list[str]]:
        """Every batch that owes us an answer, why some requests fit in none, and keys that are to be asked live."""
        identity = digest(self.identity())
        entries = [
            self._settled(entry, requests, numbers)
            for entry in self._ledger.open_entries(self.kind, identity)
            if not numbers.keys().isdisjoint(entry.keys)
        ]
        in_some = {key for entry in entries for key in entry.keys}
        fresh: dict[str, bytes] = {}
        refused: dict[str, str] = {}
        for key in sorted(numbers.keys() - in_some):
            try:
                fresh[key] = self._provider.line(self._provider.line_id(key), requests[numbers[key]])
            except Unsendable as error:
                refused[key] = str(error)
        if self._fewer_live and len(fresh) < self._provider.least:
            return entries, refused, list(fresh)
        for keys in self._portions(fresh):
            entry = self._ledger.new(self.kind, identity, keys)
            entries.append(self._created(entry, [fresh[key] for key in keys]))
        return entries, refused, []

    def _key(self, request: Request) -> str:
        return response_key(self.kind, self.identity(), request, deterministic=self.deterministic)

    def _settled(self, entry: Entry, requests: Sequence[Request], numbers: Mapping[str, int]) -> Entry:
        """An entry whose batch is known, though the process died between creating it and writing that down."""
        if entry.id is not None:
            return entry
        lines = [
            self._provider.line(self._provider.line_id(key), requests[numbers[key]])
            for key in entry.keys
            if key in numbers
        ]
        if len(lines) == len(entry.keys):
            return self._created(entry, lines)
        found = self._provider.find(entry.digest)
        if found is None:
            # Never created, and this run does not hold all of its requests: its keys are free again.
            self._ledger.close(entry)
            return replace(entry, keys=(), stage="closed")
        return self._running(entry, found)

    def _created(self, entry: Entry, lines: Sequence[bytes]) -> Entry:
        found = self._provider.find(entry.digest)
        if found is None:
            try:
                found = self._provider.create(entry.digest, lines)
            except ReplyLost:
                raise
            except ProviderError:
                # The provider said no: nothing was created, and the next run may try anew.
                self._ledger.close(entry)
                raise
        return self._running(entry, found)

    def _running(self, entry: Entry, batch: Batch) -> Entry:
        entry = replace(entry, id=batch.id, stage="running")
        self._ledger.write(entry)
        return entry

    def _portions(self, lines: dict[str, bytes]) -> list[list[str]]:
        """Keys in as few batches as the provider allows, of like size."""
        if not lines:
            return []
        if len(lines) < self._provider.least:
            raise InputError(
                f"--batch: {self.kind} takes {self._provider.least} requests at least, {len(lines)} are missing here",
                hint="ask for them live: drop --batch",
            )
        size = sum(map(len, lines.values())) + len(lines)
        count = max(
            math.ceil(len(lines) / self._provider.most), math.ceil(size / (self._provider.most_bytes * 0.9))
        )
        keys = list(lines)
        per = math.ceil(len(keys) / count)
        return [keys[start : start + per] for start in range(0, len(keys), per)]

    def _awaited(
        self, entries: Sequence[Entry], requests: Sequence[Request], numbers: Mapping[str, int]
    ) -> Iterator[tuple[int, Outcome]]:
        running = [entry for entry in entries if entry.stage == "running"]
        said: dict[str, str] = {}
        while running:
            left = []
            for entry in running:
                batch = self._provider.look(str(entry.id))
                if said.get(entry.digest) != batch.standing:
                    self._say(batch.standing)
                    said[entry.digest] = batch.standing
                if batch.state is State.RUNNING:
                    left.append(entry)
                    continue
                if batch.state is State.FAILED:
                    self._ledger.close(entry)
                    raise ProviderError(
                        f"{batch.standing}" + (f" ({batch.why})" if batch.why else ""),
                        hint="nothing in it was answered; the same command creates another",
                    )
                yield from self._collected(entry, batch, requests, numbers)
            running = left
            if running:
                if (remaining_s := self._limits.remaining_s()) <= 0:
                    standing = "; ".join(said[entry.digest] for entry in running)
                    raise StillRunning(
                        f"the deadline of {self._limits.deadline_s:g} s has passed; {standing}"
                    )
                self._sleep(min(self._look_s, remaining_s))

    def _collected(
        self, entry: Entry, batch: Batch, requests: Sequence[Request], numbers: Mapping[str, int]
    ) -> Iterator[tuple[int, Outcome]]:
        ours = {self._provider.line_id(key): key for key in entry.keys if key in numbers}
        asked = {line_id: requests[numbers[key]] for line_id, key in ours.items()}
        waiting = dict(ours)
        for line_id, outcome in self._provider.results(batch, entry.digest, asked):
            if (key := waiting.pop(line_id, None)) is not None:
                yield numbers[key], without_latency(outcome)
        for key in waiting.values():
            yield (
                numbers[key],
                Failure("not-in-batch", f"the batch ended as {batch.said!r} without this answer"),
            )
        # Written only now that every answer has been kept: a process that dies before reads the output again.
        rest = tuple(key for key in entry.keys if key not in numbers)
        if rest:
            self._ledger.write(replace(entry, keys=rest))
        else:
            self._ledger.close(entry)


def without_latency(outcome: Outcome) -> Outcome:
    """The time that a batch took says nothing about the model."""
    return replace(outcome, latency_ms=None) if isinstance(outcome, Completion) else outcome
