"""Finds the looks of a model, in the ledger and in the file that people commit, and what they say of its weights."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.registry.models import Alias, Model, Variant
    from liftgate.training.ledger import Entry, Ledger
    from liftgate.watch.canary import Look

CANARY: Final = "canary.jsonl"


def subject_of(alias: str, model_id: str) -> str:
    """The name under which the ledger keeps the looks at a model."""
    from liftgate.digests import digest

    return digest({"alias": alias, "model_id": model_id})


def is_asked(alias: Alias, variant: Variant | None) -> bool:
    """Whether callers get it from a provider: files of this machine do not change under their hash."""
    if variant is not None:
        return variant.rollout_percent > 0 and variant.model.provider != "local"
    tuned = sum(each.rollout_percent for each in alias.variants.values())
    return tuned < 100 and alias.default.provider != "local"


def look_at(entry: Entry) -> Look:
    """A ledger entry as a look."""
    from liftgate.watch.canary import Look

    return Look(entry["alias"], entry["model_id"], entry["at"], entry["asked_sha256"], entry["answers"])


@dataclass
class Canary:
    """What the looks say. Few of them are read: the newest, and the one that it is held against."""

    root: Path
    ledger: Ledger | None
    verdicts: Sequence[Mapping[str, Any]]
    now: datetime.datetime
    max_days: int
    """Looks that are older are no reference: what is changed for so long is how the model answers."""
    _files: dict[str, list[Look]] = field(default_factory=dict)
    _looks: dict[str, Look] = field(default_factory=dict)

    def of_variant(self, alias: Alias, variant: Variant) -> list[Finding]:
        """What is to be said of a variant."""
        from liftgate.watch.ages import evaluations

        known = evaluations(alias.name, variant, self.verdicts)
        times = [each.when for each in known[-2:]]
        last, before = (times[-1] if times else None), (times[0] if len(times) > 1 else None)
        return self._said(alias, variant.model, last, before, asked=is_asked(alias, variant))

    def of_default(self, alias: Alias) -> list[Finding] | None:
        """What is to be said of the default model, None where nobody looked.

        It was evaluated when every variant that callers get was last held against it.
        """
        from liftgate.watch.ages import evaluated

        if self.ledger is None and not self._filed(alias.name):
            return None
        live = [each for each in alias.variants.values() if each.rollout_percent > 0]
        known = [evaluated(alias.name, each, self.verdicts) for each in live]
        times = [each.when for each in known if each is not None]
        last = min(times) if times and len(times) == len(live) else None
        suite = (self.root / "evals" / alias.name / "suite.yaml").is_file()
        asked = is_asked(alias, None) and (suite or bool(live))
        return self._said(alias, alias.default, last, None, asked=asked)

    def changed_since(self, alias: Alias, variant: Variant, since: datetime.datetime) -> str | None:
        """Why a verdict of then says nothing of today: the variant or what it is held against answers differently."""
        from liftgate.watch.canary import canary_findings

        for who, model in (("", variant.model), ("the default model: ", alias.default)):
            for looks in self._both(alias.name, model.model_id, since):
                for finding in canary_findings(looks, _text(since)):
                    return f"{who}{finding.message}"
        return None

    def kept(self, subject: str) -> int:
        """How many looks the ledger has of a model."""
        return sum(name.startswith(f"looks/{subject}/") for name in self.names)

    def forget(self) -> None:
        """A look was kept: the ledger's names are read anew."""
        self.__dict__.pop("names", None)

    def _said(
        self,
        alias: Alias,
        model: Model,
        last: datetime.datetime | None,
        before: datetime.datetime | None,
        *,
        asked: bool,
    ) -> list[Finding]:
        from liftgate.watch.canary import canary_findings, known_change, reference_of, unasked

        name, floor = model.model_id, self.now - datetime.timedelta(days=self.max_days)
        since = floor if last is None else max(last, floor)
        found: list[Finding] = []
        newest: Look | None = None
        for looks in self._both(alias.name, name, since):
            newest = max(filter(None, (newest, looks[-1])), key=lambda look: look.at)
            found += canary_findings(looks, _text(since))
        if last is not None and not found:
            first = max(before or floor, floor)
            for looks in self._both(alias.name, name, first):
                reference = reference_of(looks, looks[-1], _text(first))
                if reference is not None and reference.at < _text(last):
                    found += known_change(reference, looks[-1], _text(last), self.now)
        if asked and self.ledger is not None:
            found += unasked(newest, self.now.astimezone(datetime.UTC).date())
        return found

    def _both(self, alias: str, model_id: str, since: datetime.datetime) -> Iterator[list[Look]]:
        """Looks of the file and of the ledger, oldest first; each asks in its own way, so they are never mixed."""
        filed = [look for look in self._filed(alias) if look.model == model_id]
        if filed:
            yield sorted(filed, key=lambda look: look.at)
        if kept := list(self._kept(subject_of(alias, model_id), since)):
            yield kept

    def _filed(self, alias: str) -> list[Look]:
        if alias not in self._files:
            path = self.root / "evals" / alias / CANARY
            self._files[alias] = read_looks(path) if path.is_file() else []
        return self._files[alias]

    @cached_property
    def names(self) -> list[str]:
        """Every look of the ledger by name, in the order of the weeks for each subject."""
        return [] if self.ledger is None else self.ledger.names("looks")

    def _kept(self, subject: str, since: datetime.datetime) -> Iterator[Look]:
        from liftgate.watch.canary import earliest, week_of

        mine = [name for name in self.names if name.startswith(f"looks/{subject}/")]
        if not mine:
            return
        last = [self._read(name) for name in mine if _week(name) == _week(mine[-1])]
        newest = max(last, key=lambda look: look.at)
        for name in mine:
            same = name.endswith(f"-{newest.sampling_sha256[:16]}.json")
            if same and week_of(earliest(since).date()) <= _week(name) < _week(mine[-1]):
                look = self._read(name)
                yield look
                # Each look is a question to the remote, and nothing rests on later ones.
                if look.at > _text(since) and look.comparable(newest):
                    break
        yield newest

    def _read(self, name: str) -> Look:
        if name not in self._looks:
            entry = None if self.ledger is None else self.ledger.read(name)
            if entry is None:
                raise InputError(
                    f"the ledger lost {name} while it was read", hint="run the same command again"
                )
            self._looks[name] = look_at(entry)
        return self._looks[name]


def _week(name: str) -> str:
    return name.rsplit("/", 1)[-1][: len("2026-W48")]


def _text(when: datetime.datetime) -> str:
    from liftgate.training.approval import rfc3339

    return rfc3339(when)


def read_looks(path: Path) -> list[Look]:
    """The file of looks. Raises `InputError` for a line of another form."""
    import orjson

    from liftgate.files import read_bytes
    from liftgate.watch.canary import Look

    looks = []
    for number, line in enumerate(read_bytes(path, "file of looks").splitlines(), start=1):
        try:
            said = orjson.loads(line)
            version = said.pop("schema_version")
            looks.append(Look(**said))
            answers = all(isinstance(each, list) for each in looks[-1].answers.values())
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            version, answers = None, False
        if version != 1 or not answers:
            raise InputError(
                f"{path}:{number}: no look of this version", hint="only `liftgate watch canary` writes it"
            )
    return looks
