"""What `liftgate doctor` says: one line a matter, ok or with its way out. Values only; nobody's key is ever one."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from liftgate.github.protection import Wanted, bypassed, rulesets, strengthened
from liftgate.verdict.parts import count

State = Literal["ok", "note", "fix"]
IDS_SINCE: Final = datetime.date(2026, 7, 15)
"""Repositories made since then carry numbers in the subject of their tokens; so do those renamed since."""
RUNNER: Final = frozenset({"self-hosted", "linux", "gpu", "liftgate"})
"""Labels that train.yml asks for."""
MOST_SKEW_S: Final = 60
STALE_AFTER_DAYS: Final = 45
_ENOUGH_BYTES: Final = 5_000_000_000
_OFFICIAL: Final = re.compile(r"[ -~]{8,}")


@dataclass(frozen=True)
class Line:
    """One matter: `fix` says what to do where the state is not ok."""

    topic: str
    state: State
    said: str
    fix: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The form in `--json`."""
        return {"topic": self.topic, "state": self.state, "said": self.said, "fix": self.fix}


def text_of(lines: Sequence[Line]) -> str:
    """For people."""
    width = max((len(line.topic) for line in lines), default=0)
    written = []
    for line in lines:
        written.append(f"{line.state.ljust(4)}  {line.topic.ljust(width)}  {line.said}")
        if line.fix:
            written.append(f"{' ' * (width + 8)}→ {line.fix}")
    wrong = sum(line.state == "fix" for line in lines)
    end = f"{wrong} to fix" if wrong else "nothing to fix"
    return "\n".join([*written, "", end, ""])


def versions(liftgate: str, python: tuple[int, int], system: str) -> Line:
    """Program, interpreter and system."""
    said = f"liftgate {liftgate}, Python {python[0]}.{python[1]}, {system}"
    if python < (3, 11):
        return Line("versions", "fix", said, "install Python 3.11 or newer")
    return Line("versions", "ok", said)


def extras(there: Mapping[str, bool], needed: Mapping[str, str]) -> Iterator[Line]:
    """`there`: extra → installed. `needed`: extra → what needs it in this repository."""
    has = [name for name, found in there.items() if found]
    yield Line("extras", "ok", f"installed: {', '.join(has) or 'none'}")
    for name, why in needed.items():
        if not there.get(name):
            yield Line(
                "extras", "fix", f"{name} is not installed, and {why}", f"pip install 'liftgate[{name}]'"
            )


def disk(free_bytes: int) -> Line:
    """Room for models, adapters and answers."""
    said = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes < _ENOUGH_BYTES:
        return Line("disk", "fix", said, "5 GB are needed for a base model and its checkpoints")
    return Line("disk", "ok", said)


def gpu(found: Sequence[str], *, trains_here: bool) -> Line:
    """The devices that a local training would use."""
    if found:
        return Line("gpu", "ok", ", ".join(found))
    if trains_here:
        return Line("gpu", "note", "none seen: a local training takes the CPU, which bears models below 1B")
    return Line("gpu", "ok", "none seen, none needed")


def keys(environment: Mapping[str, str], wanted: Mapping[str, str | None]) -> Iterator[Line]:
    """`wanted`: variable → provider of this repository that needs it, None where nobody does. Values stay here."""
    for name, provider in wanted.items():
        value = environment.get(name)
        if value and (value != value.strip() or not _OFFICIAL.fullmatch(value) or value[0] in "\"'"):
            yield Line(
                "keys", "fix", f"{name} is set to what no key looks like", "set it anew, with no quotes and no blanks"
            )  # fmt: skip
        elif value:
            yield Line("keys", "ok", f"{name} is set")
        elif provider:
            yield Line(
                "keys", "note", f"{name} is not set, and {provider} asks for it",
                "a desk needs none until it trains or asks there; on GitHub it is a secret of the environments",
            )  # fmt: skip


def clock(skew_s: float | None) -> Line:
    """Seconds that this clock is ahead of a server's."""
    if skew_s is None:
        return Line("clock", "note", "not compared: no server was asked", "liftgate doctor --online")
    said = f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the server's"
    if abs(skew_s) > MOST_SKEW_S:
        return Line(
            "clock", "fix", said, "set the clock by NTP: signatures and the ages of reports depend on it"
        )
    return Line("clock", "ok", said if abs(skew_s) >= 1 else "as the server's")


def table(name: str, days: Mapping[str, datetime.date], today: datetime.date) -> Line:
    """Age of a dated table. `days`: what a row is of → when it was checked."""
    if not days:
        return Line(
            "tables", "note", f"{name} has no row", "liftgate init writes one; docs/files.md has its form"
        )
    oldest = min(days, key=lambda row: days[row])
    age = (today - days[oldest]).days
    stale = sum((today - day).days > STALE_AFTER_DAYS for day in days.values())
    if any(day > today for day in days.values()):
        return Line("tables", "fix", f"{name}: a row was checked in the future", "write the day it was read")
    if stale:
        said = f"{name}: {stale} of {len(days)} rows are older than {STALE_AFTER_DAYS} days ({oldest}: {age})"
        return Line(
            "tables", "fix", said, "read the providers' pages again, and write the day into checked_on"
        )
    return Line(
        "tables", "ok", f"{name}: {count(len(days), 'row')}, the oldest checked {count(age, 'day')} ago"
    )


def subjects(repository: str, about: Mapping[str, Any], environments: Sequence[str]) -> Iterator[Line]:
    """What AWS has to trust: the `sub` of the workflows' tokens, as GitHub forms it for this repository."""
    owner, name = repository.split("/")
    owner_id, own_id = (about.get("owner") or {}).get("id"), about.get("id")
    made = _day(about.get("created_at"))
    numbered = f"{owner}@{owner_id}/{name}@{own_id}"
    plain = made is not None and made < IDS_SINCE
    for environment in environments:
        said = f"repo:{repository if plain else numbered}:environment:{environment}"
        if plain:
            why = f"was it renamed since {IDS_SINCE}? Then repo:{numbered}:environment:{environment}"
            yield Line("oidc", "note", said, why)
        elif made is None:
            why = f"GitHub does not say when it was made; before {IDS_SINCE} it is repo:{repository}:..."
            yield Line("oidc", "note", said, why)
        else:
            yield Line("oidc", "ok", said)


def protection(held: Iterable[Mapping[str, Any]], wanted: Wanted) -> Iterator[Line]:
    """Whether the rulesets ask for what makes a verdict block. `held` are all of the repository's, in full."""
    by_name = {str(each.get("name")): each for each in held}
    for ruleset in rulesets(wanted):
        name = str(ruleset["name"])
        there = by_name.get(name)
        if there is None:
            yield Line("ruleset", "fix", f"{name!r} is not there", _PROTECT)
        elif any(there.get(key) != value for key, value in strengthened(there, ruleset).items()):
            yield Line("ruleset", "fix", f"{name!r} asks for less than it has to", _PROTECT)
        elif others := bypassed(there, ruleset):
            yield Line(
                "ruleset", "note", f"{name!r}: {others} pass it by", "take them off unless you mean it"
            )
        else:
            yield Line("ruleset", "ok", f"{name!r} holds")


_PROTECT: Final = "liftgate init --protect --owner @org/team (with an administrator's token)"


def runners(listed: Sequence[Mapping[str, Any]] | None) -> Line:
    """Whether a runner takes the training job. None: this token may not list them."""
    asked = ", ".join(sorted(RUNNER))
    if listed is None:
        return Line("runners", "note", f"not seen: this token may list none; train.yml asks for {asked}")
    for runner in listed:
        labels = {str(label.get("name")).lower() for label in runner.get("labels") or []}
        if labels >= RUNNER:
            if runner.get("status") == "online":
                return Line("runners", "ok", f"one online has the labels {asked}")
            return Line("runners", "fix", f"the runner with the labels {asked} is offline", "start it")
    return Line(
        "runners",
        "fix",
        f"none has the labels {asked}",
        "add them to your GPU machine's runner, or train elsewhere",
    )


def _day(text: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None
