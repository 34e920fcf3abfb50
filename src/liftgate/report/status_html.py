"""The status page: one file, no script, no network, nothing that a browser could run."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from liftgate.report import numbers
from liftgate.report.html import csp_hash
from liftgate.report.page_template import TEMPLATES, page_template
from liftgate.report.status import Due, Month, Status, VariantStatus, lift_told, opening, why, worst
from liftgate.report.status_chart import MOST_POINTS, timeline

_BAND: Final = {"ok": "pass", "fail": "block"}
_ICON: Final = {"ok": "✓", "fail": "✗"}
_VERDICTS: Final = {"pass": "ok", "block": "fail"}
_MARKS: Final = {"ok": "✓", "fail": "✗", "unclear": "!", "not-measured": "?"}
_TEXT_LIMIT: Final = 400
MOST_ALIASES: Final = 200
MOST_MONTHS: Final = 24


def render_status_html(status: Status) -> str:
    """A whole HTML document. The same status gives the same bytes."""
    from markupsafe import Markup

    css = _css()
    policy = f"default-src 'none'; style-src '{csp_hash(css)}'; base-uri 'none'; form-action 'none'"
    # Only our own style is marked as safe; all else is escaped.
    return page_template("status.html.j2", _TEXT_LIMIT).render(view(status), policy=policy, css=Markup(css))  # noqa: S704


def view(status: Status) -> dict[str, Any]:
    """What the template shows: every number in words, no text escaped yet."""
    state = worst(status)
    months = status.months[-MOST_MONTHS:]
    most = max((month.total for month in months), default=0)
    return {
        "band": _BAND.get(state, "unclear"),
        "icon": _ICON.get(state, "!"),
        "opening": opening(status),
        "why": why(status),
        "today": status.today.isoformat(),
        "figures": _figures(status),
        "attention": [(state, _MARKS[state], text) for state, text in status.attention],
        "aliases": [_alias(status, index) for index in range(min(len(status.aliases), MOST_ALIASES))],
        "more_aliases": max(0, len(status.aliases) - MOST_ALIASES),
        "months": [_month(month, float(month.total / most) if most else 0.0) for month in reversed(months)],
        "notes": list(status.notes),
        "marks": _MARKS,
    }


def _figures(status: Status) -> list[tuple[str, str, str]]:
    live = [(alias, v) for alias in status.aliases for v in alias.variants if v.is_live]
    figures = []
    for name, dues in (
        ("Stale first", [(v.stale, f"{alias.name} {v.name}") for alias, v in live]),
        (
            "Ends first",
            [(v.sunset, f"{alias.name} {v.name}") for alias, v in live]
            + [(alias.default_sunset, f"{alias.name} default") for alias in status.aliases],
        ),
    ):
        known = [(due.days, due.told, named) for due, named in dues if due.days is not None]
        if known:
            _, told, named = min(known)
            figures.append((name, told, named))
    this = f"{status.today:%Y-%m}"
    spent = next((month for month in status.months if month.name == this), None)
    if status.months:
        figures.append(("Spent this month", numbers.usd(spent.total if spent else "0"), this))
    return figures


def _alias(status: Status, index: int) -> dict[str, Any]:
    alias = status.aliases[index]
    history = sorted(alias.history, key=lambda point: point.at)
    return {
        "id": f"a{index + 1}",
        "name": alias.name,
        "default": f"{alias.default_model} at {alias.default_provider}",
        "default_end": _end(alias.default_sunset),
        "variants": [_variant(variant) for variant in alias.variants],
        "timeline": timeline(history, status.today),
        "metric": history[-1].metric if history else "",
        "history": [
            {
                "day": f"{point.at:%Y-%m-%d}",
                "variant": point.variant,
                "lift": lift_told(point),
                "n": numbers.count(point.n),
                "verdict": point.verdict,
                "state": _VERDICTS.get(point.verdict, "unclear"),
            }
            for point in reversed(history[-MOST_POINTS:])
        ],
    }


def _variant(variant: VariantStatus) -> dict[str, Any]:
    newest = variant.newest
    return {
        "name": variant.name,
        "model": variant.model_id,
        "dataset": variant.dataset,
        "percent": variant.rollout_percent,
        "callers": variant.callers,
        "lift": lift_told(newest),
        "verdict": "" if newest is None else f"{newest.verdict} on {newest.at:%Y-%m-%d}",
        "verdict_state": "not-measured" if newest is None else _VERDICTS.get(newest.verdict, "unclear"),
        "stale": _due(variant.stale),
        "sunset": _due(variant.sunset),
        "people": ", ".join(dict.fromkeys(filter(None, (variant.on_call, variant.owner)))) or numbers.NONE,
        "live": variant.is_live,
    }


def _due(due: Due) -> dict[str, str]:
    on = "" if due.on is None else due.on.isoformat()
    return {"told": due.told, "state": due.state, "on": on}


def _end(due: Due) -> str:
    if due.days is None:
        return "it never ends" if due.never else "when it ends is not known"
    verb = "ended" if due.days < 0 else "ends"
    return f"it {verb} {due.told}" + ("" if due.on is None else f", on {due.on}")


def _month(month: Month, share: float) -> dict[str, str]:
    return {
        "name": month.name,
        "training": numbers.usd(month.training),
        "evaluation": numbers.usd(month.evaluation),
        "total": numbers.usd(month.total),
        "width": f"{numbers.position(max(share, 0.0) * 100)}%",
    }


@cache
def _css() -> str:
    # The look of the report's page, and what only this one has.
    return "\n".join((TEMPLATES / name).read_text("utf-8").strip() for name in ("report.css", "status.css"))
