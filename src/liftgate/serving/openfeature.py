"""An OpenFeature provider over models.yaml: application code asks flags the standard way, and gets our shares.

    api.set_provider(LiftgateProvider("models.yaml"))
    api.get_client().get_boolean_value("support-intent-tuned", False, EvaluationContext(targeting_key=user_id))

A flag is a variant's `flag`. As a boolean it says whether the variant answers this caller, as a string which model id
does, as an object all that a call needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from liftgate.errors import InputError, MissingExtra
from liftgate.registry.buckets import key_bytes
from liftgate.registry.resolve import AliasPlan, Resolution, Served, Table
from liftgate.serving.registry import Registry

try:
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.event import ProviderEventDetails
    from openfeature.exception import (
        ErrorCode,
        FlagNotFoundError,
        GeneralError,
        ProviderFatalError,
        ProviderNotReadyError,
        TargetingKeyMissingError,
        TypeMismatchError,
    )
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
    from openfeature.provider import AbstractProvider, Metadata
except ImportError:
    raise MissingExtra("openfeature", "openfeature-sdk") from None


class _Asked(NamedTuple):
    """A flag's variant, who answers the caller, and what the SDK is told beside the value."""

    served: Served
    answer: Resolution
    details: dict[str, Any]


class LiftgateProvider(AbstractProvider):
    """Flags of a registry; a path is read when the SDK initialises the provider.

    The targeting key is the caller. Without one, a flag whose answer differs between callers is an error
    (TARGETING_KEY_MISSING), and the SDK gives the application's default.
    """

    def __init__(self, registry: Registry | str | os.PathLike[str] = "models.yaml") -> None:
        super().__init__()
        self._source = registry
        self._registry = registry if isinstance(registry, Registry) else None
        self._was_stale = False
        self._unsubscribe: Callable[[], None] | None = None

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata("liftgate")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Read the registry. Raises `ProviderFatalError` when it cannot be used."""
        if not isinstance(self._source, Registry):
            try:
                self._registry = Registry.load(self._source)
            except InputError as error:
                raise ProviderFatalError(str(error)) from None
        if self._registry is not None and self._unsubscribe is None:
            self._unsubscribe = self._registry.on_change(self._changed)

    def shutdown(self) -> None:
        """Hear of no more changes."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """Whether the flag's variant answers this caller."""
        asked = self._ask(flag_key, evaluation_context, every_model=False)
        return FlagResolutionDetails(asked.answer.variant == asked.served.variant, **asked.details)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """The id of the model that answers this caller."""
        asked = self._ask(flag_key, evaluation_context)
        return FlagResolutionDetails(asked.answer.model_id, **asked.details)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Alias, variant, model id, provider, base URL and region of the model that answers; what is known of it."""
        asked = self._ask(flag_key, evaluation_context)
        said: dict[str, Any] = asked.answer._asdict()
        said["shadows"] = [str(each.variant) for each in asked.answer.shadows]
        known: dict[str, FlagValueType] = {name: value for name, value in said.items() if value is not None}
        return FlagResolutionDetails(known, **asked.details)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """No flag is a number."""
        raise self._no_number(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """No flag is a number."""
        raise self._no_number(flag_key)

    def _no_number(self, flag: str) -> Exception:
        self._place(flag, self._in_force().state.table)
        return TypeMismatchError(f"{flag!r} is a boolean, a string (model id) or an object, not a number")

    def _in_force(self) -> Registry:
        if self._registry is None:
            raise ProviderNotReadyError("the registry is not read yet")
        return self._registry

    def _place(self, flag: str, table: Table) -> tuple[AliasPlan, Served]:
        places = table.by_flag.get(flag, [])
        if not places:
            from liftgate.config import did_you_mean

            near = did_you_mean(flag, list(table.by_flag))
            raise FlagNotFoundError(f"{table.path}: {flag!r} is no variant's flag{near}")
        if len(places) > 1:
            raise GeneralError(f"{table.path}: {flag!r} is the flag of {len(places)} variants")
        return places[0]

    def _ask(self, flag: str, context: EvaluationContext | None, *, every_model: bool = True) -> _Asked:
        registry = self._in_force()
        table, off = registry.state
        plan, served = self._place(flag, table)
        key = context.targeting_key if context is not None else None
        answer = plan.resolve(key_bytes(key), b"", off, None)
        if answer.reason == "no-key" and (every_model or served.rollout_percent > 0):
            raise TargetingKeyMissingError(f"{flag!r} differs between callers: it needs a targeting key")
        reason = Reason.SPLIT if plan.needs_key and served.rollout_percent > 0 else Reason.STATIC
        if flag in off:
            reason = Reason.DISABLED
        if registry.stale:
            reason = Reason.STALE
        metadata = {
            "alias": answer.alias,
            "model_id": answer.model_id,
            "rollout_percent": served.rollout_percent,
            "why": answer.reason,
        }
        details = {"reason": reason, "variant": answer.variant or "default", "flag_metadata": metadata}
        return _Asked(served, answer, details)

    def _changed(self, registry: Registry, flags: frozenset[str]) -> None:
        stale, was_stale = registry.stale, self._was_stale
        self._was_stale = stale
        if stale:
            self.emit_provider_stale(
                ProviderEventDetails(message=registry.problem, error_code=ErrorCode.PARSE_ERROR)
            )
        elif was_stale:
            self.emit_provider_ready(ProviderEventDetails())
        if flags:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=sorted(flags)))
