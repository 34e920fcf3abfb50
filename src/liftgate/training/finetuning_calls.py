"""Requests through the `openai` SDK: every page of a list, and every failure in words of ours.

A provider's own message may quote a row or a key, so only its code, its parameter and line numbers come through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from liftgate.errors import ProviderError, ReplyLost, RowsRefused
from liftgate.training.finetuning_format import lines_of, word

MOST_PAGES: Final = 1_000
_Reply = TypeVar("_Reply")


class NotThere(ProviderError):
    """The host knows nothing under this name or address."""


class Calls:
    """One host as the SDK reaches it. `key_env` is named where the key is refused."""

    def __init__(self, sdk: Any, name: str, key_env: str) -> None:
        self._sdk, self._name, self._key_env = sdk, name, key_env

    def ask(self, doing: str, send: Callable[[], _Reply], *, once: bool = False) -> _Reply:
        """One request. What was sent `once` and may have been carried out raises `ReplyLost`, not `ProviderError`."""
        sdk = self._sdk
        try:
            reply = send()
        except sdk.APIStatusError as error:
            if error.status_code < 500 and error.status_code not in {408, 409}:
                raise self._refused(doing, error) from None
            raise (
                self.lost(doing, error.status_code) if once else self.garbled(doing, error.status_code)
            ) from None
        except (sdk.OpenAIError, ValueError, TypeError, AttributeError, LookupError):
            raise self.lost(doing) if once else self.garbled(doing) from None
        if once and not isinstance(reply, sdk.BaseModel):
            raise self.lost(doing)
        return reply

    def pages(
        self, doing: str, send: Callable[[], Any], most: int = MOST_PAGES
    ) -> Iterator[Mapping[str, Any]]:
        """Every item of a list over its pages; ends where a host hands out the same page again."""
        seen: set[str] = set()
        page = self.ask(doing, send)
        for _ in range(most):
            items = getattr(page, "data", None)
            if not isinstance(items, list):
                raise self.garbled(doing)
            fresh = [raw for raw in map(self.fields, items) if str(raw.get("id")) not in seen]
            seen.update(str(raw.get("id")) for raw in fresh)
            yield from fresh
            if not fresh or not page.has_next_page():
                return
            page = self.ask(doing, page.get_next_page)

    def pages_if_there(
        self, doing: str, send: Callable[[], Any], most: int = MOST_PAGES
    ) -> list[Mapping[str, Any]]:
        """The same for a list that a host may not keep: one that is not there is empty."""
        try:
            return list(self.pages(doing, send, most))
        except NotThere:
            return []

    def fields(self, reply: Any) -> dict[str, Any]:
        """A reply's keys and values, those included that the SDK has no name for."""
        if not isinstance(reply, self._sdk.BaseModel):
            raise self.garbled("reading a reply")
        return dict(reply.to_dict(mode="python", warnings=False))

    def lost(self, doing: str, status: int | None = None) -> ReplyLost:
        """The request may have been carried out."""
        return ReplyLost(
            f"{self._name} {_what(status)} when {doing}",
            hint="run the same command again: it looks before it creates",
        )

    def garbled(self, doing: str, status: int | None = None) -> ProviderError:
        """Nothing usable came back, and nothing was changed."""
        return ProviderError(f"{self._name} {_what(status)} when {doing}", hint="run the same command again")

    def _refused(self, doing: str, error: Any) -> ProviderError:
        status, code, param = error.status_code, word(error.code), word(error.param)
        because, hint = _REFUSALS.get(status, (f"refused ({status})", None))
        if code == "insufficient_quota":
            because, hint = (
                "has no quota left for this account",
                "add credit, then run the same command again",
            )
        facts = ", ".join(f"{name} {value}" for name, value in (("code", code), ("param", param)) if value)
        sentence = f"{self._name} {because} when {doing}" + (f" ({facts})" if facts else "")
        if status == 400 and (lines := lines_of(str(error.message))):
            return RowsRefused(sentence, lines=lines)
        kind = NotThere if status == 404 else ProviderError
        return kind(sentence, hint=hint.format(key_env=self._key_env) if hint else None)


def _what(status: int | None) -> str:
    return f"answered {status}" if status else "gave no answer that could be read"


_REFUSALS: Final[Mapping[int, tuple[str, str | None]]] = {
    401: ("does not take the key", "check the key in {key_env}: it is wrong, expired or of another host"),
    403: ("does not allow this", "the account behind {key_env} needs the right to fine-tune this base"),
    404: ("knows no such thing", "check the base, the job id and base_url"),
    413: ("finds the file too large", "split the dataset"),
    429: ("asks to slow down", "run the same command again later"),
}
