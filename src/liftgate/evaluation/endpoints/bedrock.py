"""Amazon Bedrock through Converse: foundation models, inference profiles, custom models and deployments.

boto3 finds the region, the address and the credentials and signs each attempt; what is signed goes out over the
same asynchronous connections and at the same pace as every other provider's. boto3 itself would need a thread
for each request under way, and would retry by rules of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from liftgate.errors import InputError, LiftgateError, MissingExtra, ProviderError
from liftgate.evaluation import converse_format
from liftgate.evaluation.completion import Completion, Request
from liftgate.evaluation.endpoints import Settings
from liftgate.evaluation.faults import Fault
from liftgate.evaluation.http import Clocks, HttpEndpoint, Sent, http_address
from liftgate.evaluation.limits import Limits

_BEARER: Final = "AWS_BEARER_TOKEN_BEDROCK"
_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}


def connect(settings: Settings) -> BedrockEndpoint:
    """Settle the region; nothing is sent and no credential is looked for until something has to be asked."""
    base_url = None
    if settings.base_url is not None:
        base_url = http_address(settings.base_url, "https://bedrock-runtime.eu-central-1.amazonaws.com")
    return BedrockEndpoint(
        settings.model,
        region_of(settings.region, settings.model),
        base_url,
        settings.concurrency,
        settings.timeout_s,
        limits=settings.limits,
    )


def region_of(given: str | None, model: str) -> str:
    """The region: as given, that of the model's ARN, or the one that AWS tools would use here."""
    parts = model.split(":")
    of_arn = parts[3] if model.startswith("arn:") and len(parts) > 5 else ""
    region = given or of_arn or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        with contextlib.suppress(MissingExtra):
            region = aws_session().region_name
    if not region:
        raise InputError(
            "which AWS region serves the model?", hint="--region REGION, or export AWS_REGION=..."
        )
    if of_arn and region != of_arn:
        raise InputError(
            f"the model's ARN is of the region {of_arn}, not {region}", hint=f"--region {of_arn}"
        )
    if not region.replace("-", "").isalnum():
        raise InputError("the AWS region is not a name such as eu-central-1")
    return region


class BedrockEndpoint(HttpEndpoint):
    """One model in one region. A base URL stands for a gateway or a private address of the runtime."""

    kind = "bedrock"
    exact = True

    def __init__(
        self,
        model: str,
        region: str,
        base_url: str | None = None,
        concurrency: int = 8,
        timeout_s: float = 60.0,
        *,
        limits: Limits | None = None,
        clocks: Clocks | None = None,
    ) -> None:
        super().__init__(model, "", concurrency, timeout_s, limits or Limits(), clocks or Clocks())
        self.region, self._base_url = region, base_url
        self.hints = _HINTS
        self._signer: _Signer | None = None
        self._revision: str | None = None

    def identity(self) -> dict[str, Any]:
        """Model and region, and the custom model that a deployment or provisioned throughput serves now."""
        found: dict[str, Any] = {"model": self.model, "region": self.region}
        if self._base_url is not None:
            found["url"] = self._base_url
        if _is_a_road(self.model):
            self._revision = self._revision or _served_by(self.model, self.region)
            found["revision"] = self._revision
        return found

    def check_key(self) -> None:
        """Find address and credentials. Raises `InputError` when there are none."""
        if self._signer is None:
            self._signer = _Signer.found(self.region)
            address = self._base_url or self._signer.address
            self.url = f"{address.rstrip('/')}/model/{quote(self.model, safe='')}/converse"

    def sent(self, request: Request) -> Sent:
        """A Converse request, signed for this attempt: a signature is good for minutes only."""
        assert self._signer is not None  # noqa: S101
        body = converse_format.body(request)
        return Sent(body, self._signer.headers(self.url, body))

    def read(
        self, status: int, headers: Mapping[str, str], payload: bytes, latency_ms: float, request: Request
    ) -> Completion | Fault:
        """What a whole reply means."""
        unix_s = self.clocks.unix_time()
        return converse_format.read_reply(
            status, headers, payload, latency_ms, tools=bool(request.tools), unix_s=unix_s
        )

    def secrets(self) -> Sequence[str]:
        """The credentials."""
        return () if self._signer is None else self._signer.secrets

    @property
    def patience(self) -> str:
        """Quotas are each model's own."""
        return f"{urlsplit(self.url).netloc} {self.model}"


@dataclass
class _Signer:
    """Credentials with the address they are good for."""

    address: str
    secrets: Sequence[str]
    _bearer: str | None
    _credentials: Any
    _region: str

    @classmethod
    def found(cls, region: str) -> _Signer:
        session = aws_session()
        from botocore.exceptions import BotoCoreError

        try:
            with contextlib.closing(session.client("bedrock-runtime", region_name=region)) as client:
                address = str(client.meta.endpoint_url)
            bearer = os.environ.get(_BEARER) or None
            credentials = None if bearer else session.get_credentials()
            frozen = None if credentials is None else credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise InputError(
                f"AWS settings cannot be used: {type(error).__name__}", hint="aws sts get-caller-identity"
            ) from None
        if bearer is None and frozen is None:
            raise InputError(
                "no AWS credentials",
                hint="run `aws configure` or `aws sso login`, or let a workflow assume a role; see "
                "`aws sts get-caller-identity`",
            )
        secrets = (bearer,) if frozen is None else (frozen.secret_key, frozen.token, frozen.access_key)
        return cls(address, [secret for secret in secrets if secret], bearer, credentials, region)

    def headers(self, url: str, body: bytes) -> Mapping[str, str]:
        if self._bearer is not None:
            return {**_JSON, "Authorization": f"Bearer {self._bearer}"}
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="POST", url=url, data=body, headers=_JSON)
        # Frozen anew each time: a role's credentials are renewed while the run goes on.
        SigV4Auth(self._credentials.get_frozen_credentials(), "bedrock", self._region).add_auth(request)
        return dict(request.headers.items())


def aws_session() -> Any:
    """A session of boto3 with the usual search for credentials. Raises `MissingExtra`."""
    try:
        import boto3
    except ImportError:
        raise MissingExtra("aws", "boto3") from None
    return boto3.Session()


def _is_a_road(model: str) -> bool:
    """True for a name under which somebody may put another model tomorrow."""
    return ":custom-model-deployment/" in model or ":provisioned-model/" in model


def _served_by(model: str, region: str) -> str:
    session = aws_session()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with contextlib.closing(session.client("bedrock", region_name=region)) as client:
            if ":provisioned-model/" in model:
                return str(client.get_provisioned_model_throughput(provisionedModelId=model)["modelArn"])
            found = client.get_custom_model_deployment(customModelDeploymentIdentifier=model)
            return str(found["modelArn"])
    except (BotoCoreError, ClientError) as error:
        raise _unresolved(error) from None


def _unresolved(error: Exception) -> LiftgateError:
    answer = getattr(error, "response", {})
    said = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return ProviderError(
        f"nobody says which model the deployment serves now: {said or type(error).__name__}",
        hint="allow bedrock:GetCustomModelDeployment and bedrock:GetProvisionedModelThroughput: answers of one "
        "model must never be taken for another's",
    )


_HINTS: Final = {
    "expired": "renew them (aws sso login, or a longer session in the workflow), then run the same command again",
    "no-access": "allow bedrock:InvokeModel on this model, and ask for access to it in this region",
    "unauthorized": "see `aws sts get-caller-identity`; a clock that is wrong by minutes is refused, too",
    "model-not-found": "check --model and --region; many models are served through an inference profile only "
    "(eu.…, us.…, global.…): aws bedrock list-inference-profiles",
    "model-cannot": "check the suite's sampling, tools and answer_schema against what the model supports",
    "no-quota": "ask AWS for more, or wait; the same command asks only for what is missing",
    "certificate": "check --base-url, and the certificates this machine trusts",
    "redirected": "name the final address with --base-url",
    "unreachable": "check --region and the network, then run the same command again",
    "bad-request": "Bedrock accepts none of the requests: check the suite's sampling and messages",
}
