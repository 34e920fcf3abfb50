"""What answers cost, by the price table that a command names or finds above its suite."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.training.cost import Price, TokenPrice


@dataclass(frozen=True)
class PriceTable:
    """The rows of a price table; none where nobody named one."""

    rows: Sequence[Price]

    def of(self, endpoint: str, model: str) -> TokenPrice | None:
        """The price of a model's answers at an endpoint; None where the table does not say."""
        from liftgate.training.cost import TokenPrice, token_price

        free = TokenPrice(Decimal(0), Decimal(0))
        return free if endpoint == "recorded" else token_price(self.rows, endpoint, model)

    def in_batch(self, live: TokenPrice, endpoint: str, model: str) -> TokenPrice:
        """The same by the batch; the live price where the table names no share of it, since that is never less."""
        from liftgate.training.cost import TokenPrice, price_for

        row = price_for(self.rows, endpoint, model)
        if row is None or row.batch_ratio is None:
            sys.stderr.write(
                f"note: the price table has no batch_ratio for {endpoint}: counted at the live price\n"
            )
            return live
        return TokenPrice(
            live.input_usd_per_mtok * row.batch_ratio, live.output_usd_per_mtok * row.batch_ratio
        )


def read_table(arguments: argparse.Namespace) -> PriceTable:
    """Read the table that --prices names, or the one above the suite."""
    from liftgate.config import load
    from liftgate.files import read_bytes
    from liftgate.training.cost import read_prices

    path: Path | None = arguments.prices
    if path is None and arguments.suite is not None:
        usual = arguments.suite.resolve().parent.parent / "prices.yaml"
        path = usual if usual.is_file() else None
    if path is None:
        return PriceTable(())
    return PriceTable(read_prices(load(read_bytes(path, "price table"), str(path), "prices")))
