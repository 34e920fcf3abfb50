"""Numbers as people read them. The only place that rounds, and the only one that knows of percent.

Halves round away from zero, so that swapping base and candidate mirrors every figure.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal

MINUS = "\u2212"
NONE = "–"
_WIDE = Context(prec=60)
_CENT = Decimal("0.01")


def percent(share: float | None) -> str:
    """`0.8125` → `81.3%`. Never says 0% or 100% of something that is not."""
    if share is None:
        return NONE
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{_fixed(share * 100, 1)}%"


def threshold(share: float) -> str:
    """`0.8` → `80%`: a share that a person wrote."""
    return f"{round(100 * share, 6):g}%"


def points(change: float | None) -> str:
    """`0.0625` → `+6.3`: percentage points with their sign, a true minus, and no sign on zero."""
    if change is None:
        return NONE
    shown = _fixed(change * 100, 1)
    if shown.strip("0.") == "":
        return shown
    return shown if shown.startswith(MINUS) else f"+{shown}"


def tick(change: float) -> str:
    """`0.2` → `+20`: a place on an axis of whole percentage points."""
    shown = _fixed(change * 100, 0)
    return shown if shown == "0" or shown.startswith(MINUS) else f"+{shown}"


def distance(change: float) -> str:
    """`-0.125` → `12.5`: percentage points without sign, for sentences that say the direction."""
    return _fixed(abs(change) * 100, 1)


def interval(low: float | None, high: float | None) -> str:
    """`+2.1 to +10.4`, or an empty string when there is none."""
    return "" if low is None or high is None else f"{points(low)} to {points(high)}"


def change(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """`+6.3 points (+2.1 to +10.4)`."""
    if value is None:
        return NONE
    between = interval(low, high)
    return f"{points(value)} points" + (f" ({between})" if between else "")


def p_value(p: float | None) -> str:
    """`p = 0.013`, `p < 0.001`."""
    if p is None:
        return ""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {_fixed(p, 3 if p < 0.1 else 2)}"


def usd(amount: Decimal | str | float | None) -> str:
    """`4.321` → `4.33 USD`: rounded up to the cent, once, because a budget must not round down."""
    if amount is None:
        return NONE
    return f"{_exact(amount).quantize(_CENT, rounding=ROUND_CEILING, context=_WIDE):,} USD"


def usd_rate(amount: Decimal | str | float | None) -> str:
    """A price per unit: to the cent from one dollar on, below it two significant digits, rounded up.

    Two arms at 0.0021 and 0.0043 USD would otherwise both read 0.01.
    """
    if amount is None:
        return NONE
    value = _exact(amount)
    if value == 0 or value >= 1:
        return usd(value)
    place = Decimal(1).scaleb(value.adjusted() - 1)
    rounded = value.quantize(place, rounding=ROUND_CEILING, context=_WIDE)
    return f"{rounded:f} USD"


def seconds(value: float | None) -> str:
    """`201` → `3 min 21 s`."""
    if value is None:
        return NONE
    if value < 10:
        return f"{_fixed(value, 1)} s"
    whole = int(_fixed(value, 0))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def milliseconds(value: float | None) -> str:
    """`812.4` → `812 ms`, `1240` → `1.24 s`."""
    if value is None:
        return NONE
    if value >= 999.5:
        return f"{_fixed(value / 1000, 2)} s"
    return f"{_fixed(value, 0 if value >= 10 else 1)} ms"


def count(value: int | None) -> str:
    """`12345` → `12,345`."""
    return NONE if value is None else f"{value:,}"


def tokens(value: int | None) -> str:
    """`9876` → `9,876`, `123456` → `123.5k`, `12345678` → `12.35M`."""
    if value is None or value < 10_000:
        return count(value)
    if value < 999_950:
        return f"{_fixed(value / 1000, 1)}k"
    return f"{_fixed(value / 1_000_000, 2)}M"


def epochs(value: float | None) -> str:
    """`4` → ` in 4 epochs`, `0.5` → ` in 0.5 epochs`; an empty string when unknown."""
    return "" if value is None else f" in {value:g} epoch{'s' if value != 1 else ''}"


def ratio(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """`1.08× (0.99 to 1.18)`."""
    if value is None:
        return NONE
    between = "" if low is None or high is None else f" ({_fixed(low, 2)} to {_fixed(high, 2)})"
    return f"{_fixed(value, 2)}×{between}"


def loss(value: float | None) -> str:
    """A training or validation loss with three decimals."""
    return NONE if value is None else _fixed(value, 3)


def gibibytes(value: int) -> str:
    """`13.9 GiB`, of memory."""
    return f"{_fixed(value / 2**30, 1)} GiB"


def position(value: float) -> str:
    """A coordinate of a drawing: two decimals, plain minus, no trailing zeros."""
    return _fixed(value, 2).replace(MINUS, "-").rstrip("0").rstrip(".") or "0"


def plural(value: int, one: str, many: str | None = None) -> str:
    """`1 case`, `240 cases`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def _exact(amount: Decimal | str | float) -> Decimal:
    if isinstance(amount, float):
        # Binary dust such as 0.30000000000000004 must not cost a cent.
        return Decimal(repr(amount)).quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP, context=_WIDE)
    return Decimal(amount)


def _fixed(value: float, digits: int) -> str:
    # The dust of `share * 100` must not decide a half: twelve digits are more than any input has.
    near = Decimal(f"{value:.12g}")
    rounded = near.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP, context=_WIDE)
    return f"{abs(rounded):f}" if rounded >= 0 else f"{MINUS}{abs(rounded):f}"
