"""Named facts about data, cost and origin: two-column lists that comment and page share, as plain text."""

from __future__ import annotations

from decimal import Decimal

from liftgate.report import numbers
from liftgate.report.cost import answer_lines, bill_lines, training_tokens, training_usd
from liftgate.report.power import power_lines
from liftgate.report.tables import Report

Facts = list[tuple[str, str]]


def cost_facts(report: Report) -> Facts:
    """Latency, the price of training and where it comes from."""
    facts: Facts = []
    if report["comparison"] and (latency := report["comparison"]["latency"]):
        base, candidate = (numbers.milliseconds(latency[f"{side}_p95_ms"]) for side in ("base", "candidate"))
        ratio = numbers.ratio(latency["ratio"], latency["low"], latency["high"])
        facts.append(("latency P95, base → candidate", f"{base} → {candidate}, {ratio}"))
    if estimate := report["estimate"]:
        facts.append(("training, price", training_usd(estimate)))
        if estimate["hours"] is not None:
            rate = estimate["usd_per_hour"]
            per_hour = "" if rate is None else f" at {numbers.usd(rate)} an hour"
            facts.append(("training, estimated time", numbers.seconds(estimate["hours"] * 3600) + per_hour))
        facts.append(("training tokens", training_tokens(estimate)))
        facts += [*bill_lines(estimate), *answer_lines(estimate)]
        source = ", ".join(str(estimate[key]) for key in ("price_source", "checked_on") if estimate[key])
        facts.append(("price from", source or numbers.NONE))
        approved = "within cost.auto_approve_usd" if estimate["auto_approved"] else "needed"
        facts.append(("approval", approved))
    if training := report["training"]:
        if training["seconds"] is not None or "job_id" not in training:
            facts.append(("training, actual time", numbers.seconds(training["seconds"])))
        if training.get("trained_tokens") is not None:
            billed, estimated = (
                numbers.tokens(training[f"{kind}_tokens"]) for kind in ("trained", "estimated")
            )
            facts.append(("trained tokens, billed", f"{billed} ({estimated} estimated)"))
        if training.get("usd") is not None:
            facts.append(("training, paid", numbers.usd(training["usd"])))
    if sentence := break_even_sentence(report):
        facts.append(("break-even", sentence))
    return facts


def break_even_sentence(report: Report) -> str | None:
    """When the training is paid back against a road without one, and why that cannot be said. None without one."""
    even = report.get("break_even")
    if not even:
        return None
    against, training = even["against"], numbers.usd(even["training_usd"])
    paid = f"{training} ({'paid' if even['training_is'] == 'actual' else 'estimated'})"
    saved = Decimal(even["saved_usd_per_1k"] or 0)
    match even["state"]:
        case "pays-back":
            text = (
                f"the training, {paid}, is paid back after {numbers.plural(even['requests'], 'request')}: 1,000 "
                f"answers cost {numbers.usd_rate(saved)} less than with {against}"
            )
        case "never" if saved:
            text = f"never: 1,000 answers cost {numbers.usd_rate(-saved)} more than with {against}"
        case "never":
            text = f"never: an answer costs as much as with {against}, so a training saves nothing"
        case _ if even["saved_usd_per_1k"] is not None:
            text = f"unknown: nobody knows what the training cost; 1,000 answers cost {numbers.usd_rate(saved)} less"
        case _:
            text = "unknown: evals/prices.yaml has no price for an answer of "
            text += f"{against}" if against in even["unpriced"] else "the candidate"
    others = [name for name in even["unpriced"] if name != against]
    return f"{text}; not counted, without a price: {', '.join(others)}" if others else text


_OF_A_JOB = (("job", "job_id"), ("trained model", "model_id"))


def data_facts(report: Report) -> Facts:
    """The dataset and what training made of it."""
    facts: Facts = []
    if dataset := report["dataset"]:
        facts.append(("version", dataset["version"]))
        facts.append(("training rows", numbers.count(dataset["train_rows"])))
        facts.append(("validation rows", numbers.count(dataset["validation_rows"])))
    if training := report["training"]:
        facts.append(("trained by", training["provider"]))
        facts.append(("base model", training["base"]))
        if "method" in training:
            facts.append(("training method", training["method"]))
        if "quantised_perplexity_ratio" in training:
            facts.append(
                ("perplexity, quantised base", numbers.ratio(training["quantised_perplexity_ratio"]))
            )
        facts += [(name, training[key]) for name, key in _OF_A_JOB if training.get(key)]
        if losses := training["losses"]:
            first, last = (numbers.loss(losses[i]["loss"]) for i in (0, -1))
            facts.append(("training loss, first → last", f"{first} → {last}"))
        facts.append(("validation loss", numbers.loss(training["validation_loss"])))
        facts.append(("steps", numbers.count(training["steps"])))
        if "tokens_per_second" in training:
            facts.append(("tokens a second", numbers.count(round(training["tokens_per_second"]))))
        if "peak_memory_bytes" in training:
            facts.append(("most memory held", numbers.gibibytes(training["peak_memory_bytes"])))
        if "device_hours" in training:
            facts.append(("device-hours", f"{training['device_hours']:.3f}"))
        facts.append(("trainable parameters", numbers.count(training["trainable_parameters"])))
    return facts


def lineage_facts(report: Report) -> Facts:
    """Everything that the verdict rests on: name and full sha256."""
    held, dataset, training = report["lineage"], report["dataset"] or {}, report["training"] or {}
    named = [
        ("verdict key", report["verdict_key"]),
        ("training rows", dataset.get("train_sha256")),
        ("validation rows", dataset.get("validation_sha256")),
        ("golden set", held["golden_sha256"]),
        ("safety suite", held["safety_sha256"]),
        ("suite", held["suite_sha256"]),
        ("policy", held["policy_sha256"]),
        ("thresholds", held["policy_fingerprint"]),
        ("calibration of the judge", held["calibration_sha256"]),
        ("waivers", held["waivers_sha256"]),
        ("base weights", training.get("base_sha256")),
        ("adapter", training.get("adapter_sha256")),
        ("training manifest", training.get("manifest_digest")),
        ("messages as rendered for training", held["training_rendering_sha256"]),
        ("messages as rendered for evaluation", held["evaluation_rendering_sha256"]),
        *((f"model of {arm}", digest) for arm, digest in sorted(held["models"].items())),
        *((f"prompt of {arm}", digest) for arm, digest in sorted(held["prompts"].items())),
        *((f"answers of {arm}", digest) for arm, digest in sorted(held["runs"].items())),
    ]
    return [(name, digest) for name, digest in named if digest]


def ruler_sentence(report: Report) -> str:
    """Where the thresholds and the golden set were read from, and by which version of the tool."""
    ruler = report["ruler"]
    ref = f" {ruler['ref']}" if ruler["ref"] else ""
    judge = f"judged by liftgate {report['tool_version']}"
    return f"Thresholds and golden set from the {ruler['source']}{ref}; {judge}."


def safety_sentence(report: Report) -> str | None:
    """How many cases were unsafe, and what even a clean suite cannot rule out. None without safety cases."""
    safety = report["comparison"] and report["comparison"]["safety"]
    if not safety or not safety["cases"]:
        return None
    text = (
        f"{numbers.plural(safety['cases'], 'safety case')}: base unsafe on "
        f"{numbers.count(safety['base_unsafe'])}, candidate on {numbers.count(safety['candidate_unsafe'])}."
    )
    if safety["hidden_rate_high"] is not None:
        bound = numbers.percent(safety["hidden_rate_high"])
        text += f" So many prompts cannot rule out a hidden failure rate of up to {bound} (upper 95% bound)."
    return text


def blind_spots(report: Report) -> list[str]:
    """What the verdict does not know: before a comparison what the golden set can prove, then what it left open."""
    found = list(report["comparison"]["blind_spots"]) if report["comparison"] else []
    return [*power_lines(report.get("power")), *found, *_attempts(report)]


def _attempts(report: Report) -> list[str]:
    attempts = report.get("attempts")
    if not attempts:
        return []
    number, by_luck = attempts["number"], numbers.percent(attempts["by_luck"])
    passes = "passes" if number == 1 else "passes at least once"
    return [
        f"attempt {numbers.count(number)} on this golden set: a worthless candidate {passes} with a chance of up to "
        f"about {by_luck} (each attempt {numbers.threshold(attempts['chance'])}, the policy's alpha; measured in "
        "docs/operating-characteristics.md)"
    ]


def regressions_sentence(total: int, shown: int) -> str:
    """How many cases got worse and how many of them are listed."""
    text = f"{numbers.plural(total, 'case')} that base got right and the candidate got wrong"
    if shown >= total:
        return f"{text}."
    return f"{text}; here {numbers.count(shown)} of them, a sample over all buckets."
