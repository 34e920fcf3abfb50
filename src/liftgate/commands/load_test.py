"""`liftgate load-test`: what the endpoint of a variant bears, as the load report that 100% of the callers needs."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.asking.cases import count, seconds, usd
from liftgate.errors import ExitCode, InputError, ProviderError

if TYPE_CHECKING:
    from liftgate.evaluation.completion import Request
    from liftgate.evaluation.limits import Limits
    from liftgate.evaluation.load import LoadEndpoint
    from liftgate.evaluation.load_result import Load, Shot
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.registry.models import Alias, Model, Models, Variant

USUAL_REQUESTS: Final = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, how hard, for how long, and what it may cost."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument("--variant", metavar="V", help="default: the promoted one, or the only one")
    parser.add_argument(
        "--base-url", metavar="URL", help="any OpenAI-compatible server (default: the variant's base_url)"
    )
    parser.add_argument(
        "--concurrency", type=count, default=8, metavar="N", help="requests in flight at once (default: 8)"
    )
    long = parser.add_mutually_exclusive_group()
    long.add_argument("--requests", type=count, metavar="M", help=f"default: {USUAL_REQUESTS}")
    long.add_argument("--seconds", type=seconds, metavar="S", help="for so long instead")
    parser.add_argument(
        "--max-tokens", type=count, metavar="N", help="longest answer, instead of the suite's"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="seconds per request (default: 60)"
    )
    parser.add_argument(
        "--max-usd", type=usd, metavar="USD", help="stop before more is spent (default: cost.max_eval_usd)"
    )
    quota = parser.add_argument_group("what the provider grants, where its replies do not say it")
    quota.add_argument("--quota-requests", type=_granted, metavar="N", help="requests a minute")
    quota.add_argument("--quota-tokens", type=_granted, metavar="N", help="tokens a minute")
    quota.add_argument("--quota-concurrent", type=_granted, metavar="N", help="requests at once")
    quota.add_argument("--quota-source", metavar="TEXT", help="where that is written")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: evals/reports/<alias>/<variant>.load.json"
    )
    parser.add_argument("--json", action="store_true", help="the report on stdout")


@dataclass(frozen=True)
class _Target:
    """Whom the test asks. `named` says whether the registry names the address: only then it gets a key."""

    alias: str
    variant: Variant
    address: str
    named: bool


def run(arguments: argparse.Namespace) -> int:
    """Ask, measure, write: 0; 11 when the budget ended it before it was whole, and then nothing is written."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.evaluation.load import LoadEndpoint
    from liftgate.files import pretty, read_bytes, sha256_bytes, write_bytes
    from liftgate.registry.models import read_models
    from liftgate.training.approval import rfc3339

    root: Path = arguments.root
    models = read_models(read_bytes(root / "models.yaml", "registry"), str(root / "models.yaml"))
    target = _target(models, arguments)
    folder = _suite(root, arguments)
    limits = _limits(root, target.variant.model, target.address, arguments)
    endpoint = LoadEndpoint(
        target.variant.model.model_id,
        target.address,
        _key(target),
        arguments.concurrency,
        arguments.timeout,
        limits=limits,
    )
    requests = _requests(folder, endpoint)
    limits.check(requests[0].sampling)
    most = None if arguments.seconds else arguments.requests or USUAL_REQUESTS
    if not target.named:
        sys.stderr.write("no key is sent: models.yaml does not name this address\n")
    load = _press(endpoint, requests, most, arguments.seconds)
    if load.stopped:
        sys.stderr.write(f"{load.stopped}: {len(load.shots)} requests went, and nothing is written\n")
        return ExitCode.INSUFFICIENT_EVIDENCE
    if not load.latencies_ms:
        kinds = ", ".join(f"{number} × {kind}" for kind, number in load.failures.most_common(5))
        raise ProviderError(f"no request has a usable answer: {kinds or 'none was sent'}")
    report = _report(target, load, folder, limits, arguments, rfc3339(utc_now().replace(microsecond=0)))
    out = arguments.out or root / _place(target)
    data = pretty(report)
    write_bytes(out, data)
    if arguments.json:
        sys.stdout.write(data.decode())
    sys.stderr.write(_told(report, load, _shown(out, root), sha256_bytes(data)))
    return ExitCode.PASS


def _press(
    endpoint: LoadEndpoint, requests: Sequence[Request], most: int | None, seconds: float | None
) -> Load:
    from liftgate.progress import Progress

    total, unit = (most, "request") if most is not None else (math.ceil(seconds or 0), "second")
    started = time.monotonic()
    with Progress(total, f"load-test {endpoint.model}", unit=unit) as progress:

        def told(shot: Shot) -> None:
            passed = min(total, int(time.monotonic() - started))
            progress.advance(1 if most is not None else passed - progress.done)

        return endpoint.press(requests, most=most, seconds=seconds, told=told)


def _target(models: Models, arguments: argparse.Namespace) -> _Target:
    from liftgate.config import did_you_mean
    from liftgate.evaluation.endpoints.openai import DEFAULT_BASE_URL, chat_url

    alias = models.alias(arguments.alias)
    name = arguments.variant or _usual(alias)
    if name is None or name not in alias.variants:
        known = list(alias.variants)
        raise InputError(
            f"{models.path}: {alias.name} has no variant {name!r}{did_you_mean(name, known)}"
            if name
            else f"{models.path}: which variant of {alias.name}?",
            hint=f"--variant, one of {', '.join(known) or 'none yet: liftgate registry add'}",
        )
    variant = alias.variants[name]
    model = variant.model
    # What stands there for bedrock is an address of AWS, which speaks another protocol.
    written = model.base_url if model.provider != "bedrock" else None
    own = written or (DEFAULT_BASE_URL if model.provider == "openai" else None)
    if (arguments.base_url or own) is None:
        raise InputError(
            f"{models.path}: {alias.name} {name} has no address that speaks OpenAI's protocol",
            hint="--base-url URL, the address of an OpenAI-compatible server that serves it",
        )
    address = chat_url(arguments.base_url or str(own))
    every = [each for entry in models.aliases.values() for each in (entry.default, *_models(entry))]
    known_addresses = {chat_url(m.base_url) for m in every if m.base_url and m.provider == model.provider}
    if model.provider == "openai":
        known_addresses.add(chat_url(DEFAULT_BASE_URL))
    return _Target(alias.name, variant, address, address in known_addresses)


def _models(alias: Alias) -> list[Model]:
    return [variant.model for variant in alias.variants.values()]


def _usual(alias: Alias) -> str | None:
    if alias.promoted is not None:
        return alias.promoted.name
    return next(iter(alias.variants)) if len(alias.variants) == 1 else None


def _key(target: _Target) -> str | None:
    """The provider's own key, for an address that the registry names and for no other."""
    from liftgate.evaluation.http import is_loopback
    from liftgate.training.finetuning_hosts import HOSTS

    host = HOSTS.get(target.variant.model.provider)
    if not target.named or host is None:
        return ""
    key = os.environ.get(host.key_env, "").strip()
    return key or ("" if is_loopback(target.address) else None)


def _suite(root: Path, arguments: argparse.Namespace) -> SuiteFolder:
    from dataclasses import replace

    from liftgate.evaluation.suite_folder import read_suite

    folder = read_suite(root / "evals" / arguments.alias / "suite.yaml")
    if arguments.max_tokens is None:
        return folder
    sampling = replace(folder.suite.sampling, max_tokens=arguments.max_tokens)
    return replace(folder, suite=replace(folder.suite, sampling=sampling))


def _limits(root: Path, model: Model, address: str, arguments: argparse.Namespace) -> Limits:
    """The budget, by the repository's own prices. Raises `InputError` where money may flow at no known price."""
    from decimal import Decimal

    from liftgate.commands.asking.spending import HINT, model_price
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.config import load
    from liftgate.evaluation.http import is_loopback
    from liftgate.evaluation.limits import Limits
    from liftgate.files import read_bytes
    from liftgate.policy import Policy
    from liftgate.training.cost import TokenPrice, read_prices

    table, policy = root / "evals" / "prices.yaml", root / "evals" / "policy.yaml"
    rows = (
        read_prices(load(read_bytes(table, "price table"), str(table), "prices")) if table.is_file() else []
    )
    price = model_price(rows, model)
    if model.provider == "local" or is_loopback(address):
        price = TokenPrice(Decimal(0), Decimal(0))
    if price is None:
        raise InputError(
            f"no price is known for the answers of {model.provider} {model.model_id!r}", hint=HINT
        )
    usual = read_policy(policy) if policy.is_file() else Policy()
    return Limits(price, max_usd=arguments.max_usd or usual.cost.max_eval_usd)


def _requests(folder: SuiteFolder, endpoint: Any) -> list[Request]:
    from liftgate.commands.asking.one_arm import asking_of
    from liftgate.evaluation.completion import Request
    from liftgate.evaluation.prompts import render

    asking = asking_of(folder, folder.suite.arm(None), endpoint, None, None, (0,), (), None)
    schema = asking.prompt.answer_schema
    cases = [question.case for question in asking.questions]
    return [
        Request(render(asking.prompt, case), list(case.tools) or None, asking.sampling, 0, case.id, schema)
        for case in cases
    ]


def _report(
    target: _Target, load: Load, folder: SuiteFolder, limits: Limits, arguments: argparse.Namespace, at: str
) -> dict[str, Any]:
    from urllib.parse import urlsplit, urlunsplit

    from liftgate.evaluation.load_result import quota_of
    from liftgate.training.cost import money

    said = {
        "requests_per_minute": arguments.quota_requests,
        "tokens_per_minute": arguments.quota_tokens,
        "concurrent_requests": arguments.quota_concurrent,
        "source": arguments.quota_source,
    }
    where = urlsplit(target.address)
    return {
        "schema_version": 1,
        "alias": target.alias,
        "variant": target.variant.name,
        "model_id": target.variant.model.model_id,
        "endpoint": urlunsplit(
            (where.scheme, where.netloc, where.path.removesuffix("/chat/completions"), "", "")
        ),
        "measured_at": at,
        **load.numbers(),
        "usd": money(limits.usd + limits.unconfirmed_usd),
        "prompts": len(folder.golden.by_id),
        "golden_sha256": folder.golden_sha256,
        "quota": quota_of(load.headers, {key: value for key, value in said.items() if value is not None}),
        "headers": dict(sorted(load.headers.items())),
    }


def _granted(text: str) -> int:
    value = int(text)
    if not 0 < value < 2**53:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return value


def _place(target: _Target) -> str:
    return f"evals/reports/{target.alias}/{target.variant.name}.load.json"


def _shown(out: Path, root: Path) -> str:
    return out.relative_to(root).as_posix() if out.is_relative_to(root) else str(out)


def _told(report: dict[str, Any], load: Load, place: str, digest: str) -> str:
    from liftgate.report.numbers import plural

    failed = ", ".join(f"{number} × {kind}" for kind, number in load.failures.most_common(5))
    lines = [
        f"{report['model_id']}: {plural(report['requests'], 'request')} at concurrency {report['concurrency']}, "
        f"p50 {report['p50_ms']:.0f} ms, p95 {report['p95_ms']:.0f} ms, {report['share_429']:.1%} answered 429, "
        f"{report['share_5xx']:.1%} 5xx" + (f" ({failed})" if failed else ""),
        f"{place}; liftgate registry promote takes it along, or pin it in models.yaml under {report['alias']} "
        f"{report['variant']}:",
        f"  load_report: {{path: {place}, sha256: {digest}}}",
    ]
    return "\n".join(lines) + "\n"
