"""How likely a local model finds the expected answers: the loss of their tokens after the rendered prompt.

The expected answer is rendered as training renders a row, so the loss is the one that training lowers: over the
answer's tokens and its end token. One forward pass a case, unpadded, so that no case depends on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from liftgate.digests import digest
from liftgate.errors import InputError
from liftgate.evaluation.completion import Completion, Message
from liftgate.evaluation.endpoints import Endpoint
from liftgate.evaluation.responses import ResponseStore
from liftgate.progress import Progress

if TYPE_CHECKING:
    from liftgate.evaluation.endpoints.local import LocalEndpoint

LIKELIHOOD_VERSION: Final = 1


@dataclass(frozen=True)
class Expected:
    """A rendered prompt and the answer that is expected to follow it."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] | None
    answer: str

    def content(self) -> dict[str, Any]:
        """What the likelihood depends on beside the model."""
        tools = None if self.tools is None else [dict(tool) for tool in self.tools]
        return {"messages": [dict(m) for m in self.messages], "tools": tools, "answer": self.answer}


@dataclass(frozen=True)
class Likelihood:
    """The summed loss (in nats) of an answer's tokens, and their number."""

    loss: float
    tokens: int

    @property
    def token_probability(self) -> float:
        """Geometric mean of the tokens' probabilities; never above 1, whatever rounding did."""
        return min(1.0, math.exp(-self.loss / self.tokens))


def needs_local(endpoint: Endpoint) -> None:
    """Refuse an endpoint that cannot tell the probability of a text that is not its own."""
    if endpoint.kind != "local":
        raise InputError(
            f"token_probability cannot be measured at the {endpoint.kind} endpoint",
            hint="it needs the weights: --endpoint local, or leave the scorer out of this suite",
        )


def likelihoods(
    endpoint: Endpoint,
    wanted: Sequence[Expected],
    store: ResponseStore | None = None,
    progress: Callable[..., Progress] = Progress,
) -> list[Likelihood | None]:
    """The likelihood of every expected answer, in order; None where the chat template cannot show one."""
    needs_local(endpoint)
    identity = endpoint.identity()
    keys = [
        digest({"likelihood": LIKELIHOOD_VERSION, "identity": identity, **each.content()}) for each in wanted
    ]
    different = dict(zip(keys, wanted, strict=True))
    known: dict[str, Likelihood | None] = {}
    if store is not None:
        for key, kept in store.get(list(different)).items():
            known[key] = Likelihood(*orjson.loads(kept.text))
    with progress(len(different), "token probability", unit="answer", already=len(known)) as shown:
        for key, each in different.items():
            if key in known:
                continue
            known[key] = found = _measured(endpoint, each)
            if store is not None and found is not None and not store.read_only:
                text = orjson.dumps([found.loss, found.tokens]).decode()
                about = {"endpoint": "local", "model": identity.get("model")}
                store.put(key, Completion(text), about=about)
            shown.advance()
    return [known[key] for key in keys]


def _measured(endpoint: Any, expected: Expected) -> Likelihood | None:
    from liftgate.training.rendering import IGNORE, UnrenderableRow

    local: LocalEndpoint = endpoint
    model = local.weights()
    earlier = [
        {**message, "weight": 0} if message.get("role") == "assistant" else message
        for message in expected.messages
    ]
    try:
        row = model.renderer.row(
            [*earlier, {"role": "assistant", "content": expected.answer}], expected.tools
        )
    except UnrenderableRow:
        return None
    first = next(i for i, label in enumerate(row.labels) if label != IGNORE)
    last = max(i for i, label in enumerate(row.labels) if label != IGNORE)
    torch = model.torch
    with model.speaking_as(local.attached), torch.inference_mode():
        ids = torch.tensor([row.input_ids[: last + 1]], device=model.model.device)
        logits = model.model(ids, logits_to_keep=last - first + 2).logits[0, :-1].float()
        targets = torch.tensor(row.labels[first : last + 1], device=model.model.device)
        losses = torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORE, reduction="none")
    loss = math.fsum(losses.tolist())
    return Likelihood(loss, row.target_tokens) if math.isfinite(loss) else None
