"""How many cases show how much: the power of a golden set. No statistics library, so `validate` may ask, too."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist


@lru_cache(maxsize=4096)
def normal_quantile(probability: float) -> float:
    """Standard normal quantile."""
    return NormalDist().inv_cdf(probability)


def smallest_passable_lift(
    disagreement: float, n: int, *, min_lift: float, alpha: float, power: float
) -> float:
    """Smallest true lift that n cases pass with the wished power."""
    se = math.sqrt(disagreement / n)
    z_alpha, z_power = normal_quantile(1 - alpha), normal_quantile(power)
    return max((z_alpha + z_power) * se, min_lift + z_power * se)


def cases_needed(disagreement: float, lift: float, *, min_lift: float, alpha: float, power: float) -> float:
    """Cases that show a true lift with the wished power; infinite when it does not exceed min_lift."""
    if lift <= min_lift:
        return math.inf
    z_alpha, z_power = normal_quantile(1 - alpha), normal_quantile(power)
    return disagreement * max(((z_alpha + z_power) / lift) ** 2, (z_power / (lift - min_lift)) ** 2)
