"""A small world of aliases for the status page: one that is well, one that needs somebody, one without variants."""

from __future__ import annotations

import datetime
from decimal import Decimal

from liftgate.report.status import AliasStatus, Due, Month, Status, VariantStatus
from liftgate.report.status_chart import Measured

TODAY = datetime.date(2026, 12, 1)


def due(days: int) -> Due:
    return Due(days, TODAY + datetime.timedelta(days=days))


def measured(ago: int, variant: str, lift: float, verdict: str = "pass", spread: float = 0.04) -> Measured:
    at = datetime.datetime(2026, 12, 1, 6, tzinfo=datetime.UTC) - datetime.timedelta(days=ago)
    return Measured(at, variant, verdict, "exact_match", 240, lift, lift - spread, lift + spread)


def world() -> Status:
    """The same every time."""
    intent = [
        measured(170, "candidate 1f0c22aa", 0.012, "insufficient-evidence"),
        measured(140, "v1.0.0", 0.051),
        measured(110, "v1.0.0", 0.048),
        measured(80, "v1.1.0", 0.083),
        measured(50, "v1.1.0", 0.079),
        measured(20, "v1.1.0", 0.081),
    ]
    reply = [measured(120, "v2.0.0", 0.06), measured(88, "v2.0.0", -0.07, "block", 0.03)]
    return Status(
        TODAY,
        [
            AliasStatus(
                "support-intent",
                "gpt-4.1-nano-2025-04-14",
                "openai",
                due(214),
                [
                    VariantStatus(
                        "v1.1.0", "ft:gpt-4.1-nano-2025-04-14:acme:support-intent:BxY2", "openai", "1.1.0",
                        25, 0, intent[-1], due(70), due(214), "support", "support-oncall",
                    ),
                    VariantStatus(
                        "v1.0.0", "ft:gpt-4.1-nano-2025-04-14:acme:support-intent:AaB1", "openai", "1.0.0",
                        0, 10, intent[2], due(-20), due(214), "support", "support-oncall",
                    ),
                ],
                intent,
            ),
            AliasStatus(
                "support-reply",
                "amazon.nova-lite-v1:0",
                "bedrock",
                Due(None),
                [
                    VariantStatus(
                        "v2.0.0", "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdef012345",
                        "bedrock", "2.0.0", 100, 0, reply[-1], due(2), due(-3), "replies", "",
                    )
                ],
                reply,
            ),
            AliasStatus("search-rewrite", "SmolLM2-135M-Instruct", "local", Due(None, never=True), []),
        ],
        [
            Month("2026-09", Decimal("41.2"), Decimal("0.8")),
            Month("2026-10", Decimal(0), Decimal("1.6211")),
            Month("2026-11", Decimal("88.004"), Decimal("2.4")),
        ],
        ["There is no evals/sunsets.yaml, so nothing says when hosted models end."],
    )  # fmt: skip
