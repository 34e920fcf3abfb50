"""One AWS account in one region: what is configured, the clients, and what each of their errors means here.

No message of the SDK is ever repeated: it may hold an address, a key id, a signed URL or a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from liftgate.errors import InputError, LiftgateError, MissingExtra, Problem, ProviderError, ReplyLost
from liftgate.training.bedrock.names import SAFE_PREFIX

BUCKET: Final = "LIFTGATE_BEDROCK_BUCKET"
PREFIX: Final = "LIFTGATE_BEDROCK_PREFIX"
ROLE: Final = "LIFTGATE_BEDROCK_ROLE_ARN"
KMS_KEY: Final = "LIFTGATE_BEDROCK_KMS_KEY_ARN"
DEFAULT_PREFIX: Final = "liftgate"

_ROLE_FORM: Final = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/[\w+=,.@/-]+")
_BUCKET_FORM: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION_FORM: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_KMS_FORM: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[\w/-]+")

Taken = TypeVar("Taken")
_AGAIN: Final = "run the same command again"

_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_THROTTLED: Final = frozenset(
    {"429", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)


class Refused(ProviderError):
    """AWS answered, and the answer is no: nothing was created. `code` is its own word for why."""

    def __init__(self, sentence: str, code: str, status: int, hint: str | None = None) -> None:
        super().__init__(sentence, hint=hint)
        self.code, self.status = code, status

    @property
    def is_missing(self) -> bool:
        """There is no such thing, or not yet."""
        return self.status == 404 or self.code in {"ResourceNotFoundException", "NoSuchKey", "NoSuchBucket"}


@dataclass
class Account:
    """Region, bucket and role, with one client a service. Nothing is sent before the first call."""

    region: str
    bucket: str
    prefix: str
    role_arn: str
    kms_key_arn: str | None = None
    timeout_s: float = 60.0
    _clients: dict[tuple[str, bool], Any] = field(default_factory=dict, repr=False)
    _session: Any = field(default=None, repr=False)
    _sound: bool = False

    @classmethod
    def of(cls, environment: Mapping[str, str], timeout_s: float = 60.0) -> Self:
        """Read the settings. Raises `InputError` with everything that is missing or malformed at once."""
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
        bucket, role = environment.get(BUCKET, ""), environment.get(ROLE, "")
        prefix = environment.get(PREFIX, DEFAULT_PREFIX).strip("/")
        key = environment.get(KMS_KEY) or None
        problems = [
            Problem(name, message)
            for name, sound, message in (
                ("AWS_REGION", _REGION_FORM.fullmatch(region), "name the region, such as us-east-1"),
                (
                    BUCKET,
                    _BUCKET_FORM.fullmatch(bucket),
                    "name the bucket for rows and metrics, without s3://",
                ),
                (PREFIX, SAFE_PREFIX.fullmatch(prefix), "letters, digits, `.`, `_`, `-`, folders by `/`"),
                (
                    ROLE,
                    _ROLE_FORM.fullmatch(role),
                    "the role that Bedrock takes: arn:aws:iam::<account>:role/<name>",
                ),
                (KMS_KEY, key is None or _KMS_FORM.fullmatch(key), "the ARN of a KMS key"),
            )
            if not sound
        ]
        if problems:
            raise InputError(
                "training on Bedrock is not configured",
                problems=problems,
                hint="set them in the training workflow's environment; liftgate doctor bedrock prints the roles",
            )
        return cls(region, bucket, prefix, role, key, timeout_s)

    @property
    def id(self) -> str:
        """The twelve digits of the account: that of the role, since a role is only passed within its account."""
        match = _ROLE_FORM.fullmatch(self.role_arn)
        return match[2] if match else ""

    def uri(self, key: str) -> str:
        """The address of a key in the bucket."""
        return f"s3://{self.bucket}/{key}"

    def ask(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        """One call that may be repeated: it reads, or writes the same again. boto3 retries it by its own rules."""
        return self._send(service, method, parameters, once=False, taken=dict)

    def create(self, service: str, method: str, **parameters: Any) -> dict[str, Any]:
        """One call that costs: sent once. Raises `ReplyLost` when nobody knows what became of it."""
        return self._send(service, method, parameters, once=True, taken=dict)

    def read(self, bucket: str, key: str, most_bytes: int) -> bytes:
        """The first bytes of an object that belongs to this account."""
        where = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": self.id}

        def taken(answer: dict[str, Any]) -> bytes:
            with answer["Body"] as body:
                data: bytes = body.read(most_bytes)
            return data

        return self._send("s3", "get_object", where, once=False, taken=taken)

    def _send(
        self,
        service: str,
        method: str,
        parameters: Mapping[str, Any],
        *,
        once: bool,
        taken: Callable[[dict[str, Any]], Taken],
    ) -> Taken:
        client = self._client(service, once=once)
        failures, meaning = _errors()
        call = f"{service} {method.replace('_', '-')}"
        try:
            answer = getattr(client, method)(**parameters)
            if _lacks(_answer_shape(client, method), answer):
                raise ValueError
            return taken(answer)
        except failures as error:
            raise meaning(error, call, once) from None
        except (ValueError, TypeError, AttributeError, LookupError):
            if once:
                raise ReplyLost(f"{call}: sent, and the answer cannot be read") from None
            raise ProviderError(f"{call}: the answer cannot be read", hint=_AGAIN) from None

    def _client(self, service: str, *, once: bool) -> Any:
        if (service, once) not in self._clients:
            boto3, config = _sdk()
            if self._session is None:
                # A session of its own: boto3's default one keeps the credentials that it found first.
                self._session = boto3.Session()
            retries = {"mode": "standard", **({"total_max_attempts": 1} if once else {})}
            self._clients[service, once] = self._session.client(
                service,
                region_name=self.region,
                config=config(connect_timeout=10, read_timeout=self.timeout_s, retries=retries),
            )
        return self._clients[service, once]

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()


def _answer_shape(client: Any, method: str) -> Any:
    name = client.meta.method_to_api_mapping[method]
    return client.meta.service_model.operation_model(name).output_shape


def _lacks(shape: Any, value: Any) -> bool:
    """The name of the thing itself is missing: what came is not an answer to this question."""
    if shape is None:
        return False
    if shape.type_name == "list":
        return any(_lacks(shape.member, item) for item in value)
    if shape.type_name != "structure":
        return False
    return any(name.endswith("Arn") and name not in value for name in shape.required_members) or any(
        _lacks(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None
    )


def _sdk() -> tuple[Any, Any]:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtra("aws", "boto3") from None
    return boto3, Config


def _errors() -> tuple[tuple[type[Exception], ...], Callable[[Exception, str, bool], LiftgateError]]:
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as known
    from botocore.parsers import ResponseParserError

    credentials = (
        known.NoCredentialsError,
        known.PartialCredentialsError,
        known.CredentialRetrievalError,
        known.TokenRetrievalError,
        known.SSOError,
    )
    # Raised before a byte of the request has left: whatever was asked for did not happen.
    unsent = (
        known.EndpointConnectionError,
        known.ConnectTimeoutError,
        known.ProxyConnectionError,
        known.SSLError,
    )

    def meaning(error: Exception, call: str, once: bool) -> LiftgateError:
        if isinstance(error, known.ClientError):
            return _answered(error.response, call, once)
        if isinstance(error, credentials):
            return Refused(
                f"{call}: no AWS credentials that can be used ({type(error).__name__})",
                "NoCredentials",
                401,
                "let the workflow assume its role, or run `aws sso login`; see `aws sts get-caller-identity`",
            )
        if isinstance(error, (known.ParamValidationError, known.NoRegionError, known.ProfileNotFound)):
            return InputError(f"{call}: the settings make no valid request ({type(error).__name__})")
        if once and not isinstance(error, unsent):
            return ReplyLost(f"{call}: sent, and no answer came ({type(error).__name__})")
        return ProviderError(
            f"{call}: cannot be reached ({type(error).__name__})",
            hint="check AWS_REGION and the network, then run the same command again",
        )

    return (Boto3Error, known.BotoCoreError, known.ClientError, ResponseParserError), meaning


def _answered(response: Mapping[str, Any], call: str, once: bool) -> LiftgateError:
    code = re.sub(r"[^A-Za-z0-9._-]", "", str(response.get("Error", {}).get("Code", "")))[:64] or "unknown"
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _CREDENTIALS:
        return Refused(
            f"{call}: the AWS credentials are expired or wrong ({code})",
            code,
            status,
            "assume the role anew (aws sso login, or a rerun of the job), then run the same command again",
        )
    if code in _DENIED or status == 403:
        return Refused(
            f"{call}: denied ({code})",
            code,
            status,
            "`liftgate doctor bedrock` prints the policy that allows it",
        )
    if code in _THROTTLED or status == 429:
        return Refused(
            f"{call}: too many requests ({code})", code, status, "run the same command again later"
        )
    if once and (status >= 500 or status == 408):
        return ReplyLost(f"{call}: sent, and the answer says nothing of what became of it ({code})")
    return Refused(f"{call}: refused ({code})", code, status)
