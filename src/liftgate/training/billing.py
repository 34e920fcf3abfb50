"""Which tokens a hosted training charges: messages and tools, up to the model's cap, and how sure the count is.

Where the tokenizer is not public the count is a range around that of o200k_base. Its ends were measured: Amazon's
rule of thumb of six characters a token is 0.75 of what o200k_base counts in English (4.04 to 4.62 characters a token
over five data sets and code); a tokenizer with a vocabulary of 49,000, a quarter of o200k's, counts 1.03 to 1.15 times
as much in English, 1.36 in Spanish and 1.43 in German.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, Protocol

from liftgate.findings import Finding, Severity
from liftgate.tokens import count_conversations, encoding_for, has_public_tokenizer
from liftgate.training.cost import Price

LEAST_SHARE: Final = Decimal("0.75")
MOST_SHARE: Final = Decimal("1.45")
UNKNOWN: Final = "unknown"
_MOST_NAMED: Final = 10


class Charged(Protocol):
    """A row as it is paid for."""

    @property
    def line(self) -> int: ...  # noqa: D102
    @property
    def charged(self) -> Sequence[Any]: ...  # noqa: D102
    @property
    def tools(self) -> Sequence[Any]: ...  # noqa: D102


@dataclass(frozen=True)
class Tokens:
    """Tokens as a count with its bounds; all three are equal where the tokenizer is public."""

    low: int
    point: int
    high: int

    @classmethod
    def exactly(cls, tokens: int) -> Tokens:
        """A count that nobody can argue about."""
        return cls(tokens, tokens, tokens)

    @property
    def is_exact(self) -> bool:
        """Whether the tokenizer is known."""
        return self.low == self.high

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.low + other.low, self.point + other.point, self.high + other.high)


@dataclass(frozen=True)
class Billed:
    """The tokens of one epoch over one file. `cut` are the lines of rows that are longer than `cap`."""

    rows: int
    tokens: Tokens
    cap: int | None = None
    cut: tuple[int, ...] = ()

    def truncated(self, path: str) -> Iterator[Finding]:
        """A warning that names the rows whose end is neither charged nor learnt."""
        if self.cut:
            count = len(self.cut)
            named = ", ".join(map(str, self.cut[:_MOST_NAMED]))
            more = f" and {count - _MOST_NAMED} more" if count > _MOST_NAMED else ""
            said = "row is" if count == 1 else "rows are"
            yield Finding(
                "row-cut-in-training",
                Severity.WARNING,
                f"{count} {said} longer than the {self.cap:,} tokens that this model trains on, and cut there "
                f"(line {named}{more}): what comes later, usually the answer, is not learnt",
                path,
                self.cut[0],
            )


def token_bounds(counted: int, *, exact: bool) -> Tokens:
    """A count of o200k_base as what another tokenizer may make of it."""
    if exact:
        return Tokens.exactly(counted)
    return Tokens(
        int((counted * LEAST_SHARE).to_integral_value(ROUND_FLOOR)),
        counted,
        int((counted * MOST_SHARE).to_integral_value(ROUND_CEILING)),
    )


def is_counted_exactly(model: str, price: Price | None = None) -> bool:
    """Whether this model's tokens can be counted here."""
    if price is not None and price.tokenizer is not None:
        return price.tokenizer != UNKNOWN
    return has_public_tokenizer(model)


def counting(model: str, price: Price | None = None) -> str:
    """The encoding that this model's tokens are counted with."""
    named = None if price is None or price.tokenizer == UNKNOWN else price.tokenizer
    return named or encoding_for(model)


def billed(rows: Iterable[Charged], model: str, price: Price | None = None) -> Billed:
    """Count one file as it is charged: tools in the form that models are trained on, each row up to the cap."""
    held = list(rows)
    counts = count_conversations(((row.charged, row.tools) for row in held), counting(model, price))
    cap = None if price is None else price.training_cap_tokens
    exact = is_counted_exactly(model, price)
    total = Tokens.exactly(0)
    cut: list[int] = []
    for row, counted in zip(held, counts, strict=True):
        tokens = token_bounds(counted, exact=exact)
        if cap is not None and tokens.high > cap:
            if tokens.point > cap:
                cut.append(row.line)
            tokens = Tokens(min(tokens.low, cap), min(tokens.point, cap), cap)
        total += tokens
    return Billed(len(held), total, cap, tuple(cut))
