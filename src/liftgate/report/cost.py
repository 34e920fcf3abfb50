"""The bill of a change: lines that the terminal, the comment and the page share. From estimate.json's own form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liftgate.report import numbers

Estimate = Mapping[str, Any]
Lines = list[tuple[str, str]]


def usd_range(usd: Mapping[str, str]) -> str:
    """`1.75 USD (1.46 to 2.10)`; the point alone where nothing is in doubt."""
    point = numbers.usd(usd["point"])
    if usd["low"] == usd["high"]:
        return point
    ends = (numbers.usd(usd[end]).removesuffix(" USD") for end in ("low", "high"))
    return f"{point} ({' to '.join(ends)})"


def training_usd(estimate: Estimate) -> str:
    """The price of the training, with its range where the estimate has one."""
    if estimate["usd"] is None or estimate.get("usd_high") is None:
        return numbers.usd(estimate["usd"])
    ends = {"low": estimate["usd_low"], "point": estimate["usd"], "high": estimate["usd_high"]}
    return usd_range(ends)


def training_tokens(estimate: Estimate) -> str:
    """`486.0k in 3 epochs (162.0k to 4.05M in 1 to 25)`."""
    point = numbers.tokens(estimate["training_tokens"]) + numbers.epochs(estimate["epochs"])
    low, high = (estimate.get(f"training_tokens_{end}") for end in ("low", "high"))
    if low is None or high is None or low == high:
        return point
    between = f"{numbers.tokens(low)} to {numbers.tokens(high)}"
    if estimate["epochs_low"] != estimate["epochs_high"]:
        between += f" in {estimate['epochs_low']} to {estimate['epochs_high']}"
    return f"{point} ({between})"


def bill_lines(estimate: Estimate) -> Lines:
    """Every line of the bill beside the training itself, and what each month costs."""
    names = {
        "validation": "of which validation",
        "answers": "evaluation, answers",
        "judges": "evaluation, judges",
        "asked again": "evaluation, asked again",
    }
    return [
        (
            names.get(part["name"], part["name"]) + (", a month" if part["every"] == "month" else ""),
            f"{usd_range(part['usd'])}, {part['what']}",
        )
        for part in estimate.get("parts", ())
        if part["name"] != "training"
    ]


def machine_lines(estimate: Estimate) -> Lines:
    """What a machine of one's own must have, and how long ten steps on this one say that it takes."""
    lines: Lines = []
    if memory := estimate.get("memory"):
        rows = numbers.plural(memory["rows_at_once"], "row")
        wide = f"with {rows} of up to {numbers.count(memory['longest_tokens'])} tokens at once"
        gpu, cpu = (numbers.gibibytes(memory[device]["bytes"]) for device in ("gpu", "cpu"))
        lines.append(("memory", f"needs about {gpu} on a GPU, {cpu} on a CPU, {wide}"))
    if measured := estimate.get("calibration"):
        each = f"{numbers.count(measured['steps'])} steps of {numbers.seconds(measured['seconds_per_step'])}"
        paid = "" if measured["usd"] is None else f", {numbers.usd(measured['usd'])}"
        lines.append(("measured here", f"{numbers.seconds(measured['seconds'])} for {each}{paid}"))
        held = numbers.gibibytes(measured["peak_memory_bytes"])
        lines.append(("", f"at most {held} were held in ten of them"))
    return lines


def answer_lines(estimate: Estimate) -> Lines:
    """What 1,000 answers of each arm would cost at most, and when the training has paid for itself."""
    lines: Lines = []
    answers = [each for each in estimate.get("answers", ()) if each["usd_per_1k"] is not None]
    if any(each["usd_per_1k"] != "0" for each in answers):
        told = ", ".join(f"{each['arm']} {numbers.usd_rate(each['usd_per_1k'])}" for each in answers)
        lines.append(("per 1,000 answers, at most", told))
    lines += [("pays back", _payback(each, estimate)) for each in estimate.get("paybacks", ())[:1]]
    return lines


def _payback(payback: Mapping[str, Any], estimate: Estimate) -> str:
    against, traffic = payback["against"], estimate["requests_per_month"]
    if payback["requests"] is None:
        return f"never by its price: no untrained arm is dearer (nearest {against})"
    said = f"against {against} after {numbers.plural(payback['requests'], 'request')}"
    if payback["requests_to_host_a_month"] is not None:
        hosting = numbers.plural(payback["requests_to_host_a_month"], "request")
        said += f", beside {hosting} a month that pay for hosting"
    if traffic is None:
        return said
    at = f"at {numbers.plural(traffic, 'request')} a month"
    if payback["never_at_this_traffic"]:
        return f"{said}; never {at}"
    return f"{said}; {payback['months']:g} months {at}, on {estimate['pays_back_on']}"


def price_line(estimate: Estimate) -> str:
    """The row that the price was read from, who says so, and how old it is."""
    price = estimate.get("price")
    said = ", ".join(str(estimate[key]) for key in ("price_source", "checked_on") if estimate[key])
    if not price:
        return said or numbers.NONE
    row = " ".join(filter(None, (price["provider"], price["model"], price["region"])))
    days = numbers.plural(price["age_days"], "day")
    return f"{row} at {price['place']}: {said}, {days} ago"


def estimate_text(estimate: Estimate) -> str:
    """The whole bill for a person at a terminal, what was found under it."""
    rows = numbers.plural(estimate["rows"], "row")
    approval = "starts without approval" if estimate["auto_approved"] else "needs an approval"
    lines = [("training", f"{training_usd(estimate)}, {rows}, {approval}")]
    lines.append(("training tokens", training_tokens(estimate)))
    if estimate["hours"] is not None:
        rate = estimate["usd_per_hour"]
        at = "" if rate is None else f" at {numbers.usd(rate)} an hour"
        lines.append(("training, estimated time", numbers.seconds(float(estimate["hours"]) * 3600) + at))
    lines += [
        *machine_lines(estimate),
        *bill_lines(estimate),
        *answer_lines(estimate),
        ("price from", price_line(estimate)),
    ]
    width = max(len(name) for name, _ in lines)
    return "".join(f"{line}\n" for line in [*_aligned(lines, width), *_found(estimate)])


def _aligned(lines: Lines, width: int) -> Iterator[str]:
    for name, said in lines:
        yield f"{name:{width}}  {said}"


def _found(estimate: Estimate) -> Iterator[str]:
    for finding in estimate["findings"]:
        line = "" if finding["line"] is None else f":{finding['line']}"
        place = "" if finding["path"] is None else f"{finding['path']}{line}: "
        yield f"{place}{finding['severity']}: {finding['message']} [{finding['rule']}]"
