"""Which model answers a caller: a registry compiled for the path of every request. Pure.

The newest variant is asked first whether the caller is in its share, then the next one about those who are left, and
whoever is in none gets the default model. So a variant's callers depend on its own percentage and on newer variants
alone: a variant at 0% can come and go unnoticed, and one that grows takes callers but never trades them.
A variant that is switched off sends its own callers to the default model and moves nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from liftgate.errors import InputError
from liftgate.registry.buckets import ROLLOUT, SHADOW, key_bytes, limit_of, salt, threshold

Reason = Literal["rollout", "default", "switched-off", "no-key"]
_ON: Final = frozenset({"1", "on", "true", "yes"})


class Served(NamedTuple):
    """A model that can answer: the default one (`variant` is None) or a variant."""

    variant: str | None
    model_id: str
    provider: str
    base_url: str | None
    region: str | None
    flag: str | None = None
    version: tuple[int, ...] = ()
    rollout_percent: int = 0
    shadow_percent: int = 0


class Entry(NamedTuple):
    """An alias as it was written, but for what serving needs not."""

    alias: str
    default: Served
    variants: Sequence[Served]


class Resolution(NamedTuple):
    """The model that answers a caller, and why.

    `variant` is None for the default model. `reason` is "rollout" (in the share of `variant`), "default" (in no
    share), "switched-off" (in the share of a variant whose flag is off), or "no-key" (nobody to place, so the default
    model). `flag` is that of the variant that decided, where one did. `shadows` are variants that shall get a copy of
    the request whose answer reaches nobody.
    """

    alias: str
    model_id: str
    variant: str | None
    provider: str
    base_url: str | None
    region: str | None
    reason: Reason
    flag: str | None
    shadows: tuple[Served, ...] = ()


class UnknownAlias(InputError, KeyError):
    """The registry has no such alias; the sentence names the nearest one."""

    __str__ = InputError.__str__


class _Claim(NamedTuple):
    """A share of those whom newer variants left. A limit of None holds all of them."""

    salted: bytes
    limit: bytes | None
    flag: str | None
    hit: Resolution
    off: Resolution


class _Mirror(NamedTuple):
    salted: bytes
    limit: bytes | None
    served: Served


class AliasPlan:
    """One alias, with everything worked out that does not depend on the caller."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        name, default = entry.alias, entry.default
        self.rest = _resolution(name, default, "default")
        self.nobody = _resolution(name, default, "no-key")
        self.claims: list[_Claim] = []
        left = 100
        for served in sorted(entry.variants, key=_newest_first):
            share = min(served.rollout_percent, left)
            if share > 0:
                salted, limit = salt(ROLLOUT, name, str(served.variant)), limit_of(threshold(share, left))
                off = self.rest._replace(reason="switched-off", flag=served.flag)
                self.claims.append(
                    _Claim(salted, limit, served.flag, _resolution(name, served, "rollout"), off)
                )
                left -= share
        self.mirrors = [
            _Mirror(salt(SHADOW, name, str(each.variant)), limit_of(threshold(each.shadow_percent)), each)
            for each in entry.variants
            if each.shadow_percent > 0
        ]
        self._mirrored: dict[tuple[str | None, ...], Resolution] = {}

    def resolve(self, key: bytes, request: bytes, off: frozenset[str], flags: Any) -> Resolution:
        """Who answers. `off` are flags that are switched off for everybody, `flags` what the caller says of them."""
        found = self.rest
        for salted, limit, flag, hit, switched_off in self.claims:
            if limit is not None:
                if not key:
                    # Nobody can be placed, now or by older variants, whose shares are of those who are left.
                    found = self.nobody
                    break
                if sha256(salted + key).digest() >= limit:
                    continue
            found = hit if (flags is None and not off) or is_on(flag, off, flags) else switched_off
            break
        return self._with_shadows(found, request or key, off, flags) if self.mirrors else found

    def _with_shadows(self, found: Resolution, drawn: bytes, off: frozenset[str], flags: Any) -> Resolution:
        mirrored = [
            served
            for salted, limit, served in self.mirrors
            if (limit is None or (drawn and sha256(salted + drawn).digest() < limit))
            and served.variant != found.variant
            and is_on(served.flag, off, flags)
        ]
        if not mirrored:
            return found
        place = (found.reason, found.variant, found.flag, *(each.variant for each in mirrored))
        known = self._mirrored.get(place)
        if known is None:
            known = self._mirrored[place] = found._replace(shadows=tuple(mirrored))
        return known

    @property
    def needs_key(self) -> bool:
        """Whether the answer differs between callers."""
        return any(claim.limit is not None for claim in self.claims)


class Table:
    """Every alias of a registry. Never changed once made, so any number of threads may read it."""

    def __init__(self, entries: Sequence[Entry], path: str) -> None:
        self.path = path
        self.plans: Mapping[str, AliasPlan] = {entry.alias: AliasPlan(entry) for entry in entries}
        self.by_flag: dict[str, list[tuple[AliasPlan, Served]]] = {}
        for plan in self.plans.values():
            for served in plan.entry.variants:
                self.by_flag.setdefault(str(served.flag), []).append((plan, served))

    def plan(self, alias: str) -> AliasPlan:
        """The alias called so. Raises `UnknownAlias`."""
        known = self.plans.get(alias) if isinstance(alias, str) else None
        if known is None:
            from liftgate.config import did_you_mean

            near = did_you_mean(alias, list(self.plans)) if isinstance(alias, str) else ""
            raise UnknownAlias(
                f"{self.path}: {alias!r} is not an alias{near}",
                hint=f"aliases: {', '.join(self.plans) or 'none yet'}",
            )
        return known

    def switched_off(self, words: str) -> tuple[frozenset[str], list[str]]:
        """Flags that a list of flags and aliases, or `*`, switches off; and the words that are neither."""
        off: set[str] = set()
        unknown = []
        for word in words.replace(",", " ").split():
            if word == "*":
                off |= self.by_flag.keys()
            elif word in self.by_flag:
                off.add(word)
            elif word in self.plans:
                off |= {str(each.flag) for each in self.plans[word].entry.variants}
            else:
                unknown.append(word)
        return frozenset(off), unknown

    def resolve(
        self,
        alias: str,
        key: object = None,
        flags: Mapping[str, Any] | None = None,
        *,
        request: object = None,
        off: frozenset[str] = frozenset(),
        strict: bool = False,
    ) -> Resolution:
        """Which model answers. Raises `UnknownAlias`, and nothing else unless `strict`."""
        plan = self.plan(alias)
        if strict:
            _refuse(plan, key, flags)
        drawn = b"" if request is None else key_bytes(request)
        return plan.resolve(key_bytes(key), drawn, off, flags)


def is_on(flag: str | None, off: frozenset[str], flags: Any) -> bool:
    """Whether a flag lets callers through. What the caller says counts only against it, and doubt is a no."""
    if off and flag in off:
        return False
    if flags is None:
        return True
    try:
        said = flags.get(flag, True)
        return said is True or (said.strip().lower() in _ON if isinstance(said, str) else bool(said))
    except Exception:
        return False


def _refuse(plan: AliasPlan, key: object, flags: Any) -> None:
    name = plan.entry.alias
    odd = isinstance(key, bool) or not isinstance(key, str | bytes | int)
    if plan.needs_key and (odd or not key_bytes(key)):
        raise InputError(
            f"{name}: the key must be a text that is not empty, the same for the same caller",
            hint="resolve(alias, key=user_id)",
        )
    if flags is None:
        return
    if not isinstance(flags, Mapping) or any(
        not isinstance(flags.get(each.flag, True), bool) for each in plan.entry.variants
    ):
        raise InputError(f"{name}: flags must be a mapping of flag to true or false")


def _resolution(alias: str, served: Served, reason: Reason) -> Resolution:
    variant, model_id, provider, base_url, region, flag, *_ = served
    return Resolution(alias, model_id, variant, provider, base_url, region, reason, flag)


def _newest_first(served: Served) -> tuple[list[int], str]:
    # Not by age in the file: lines may be moved without anybody's model changing.
    return [-part for part in (*served.version, 0, 0, 0)[:3]], str(served.variant)
