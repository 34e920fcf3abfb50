"""Training on answers: batches padded on the left, the loss on the answer's tokens alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from liftgate.training.rendering import IGNORE, TokenizedRow
from liftgate.training.tuning.arguments import order_of, shard_on_cpu, training_arguments
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.layout import Layout
from liftgate.training.tuning.libraries import Libraries
from liftgate.training.tuning.stops import check_loss


class Rows(Protocol):
    """What `Trainer` wants of a dataset."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any) -> Any: ...


class Filled:
    """Rows, with one that has no target at every index after the last: several processes take equally many."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows
        self._blank = TokenizedRow([0, 0], [IGNORE, IGNORE])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: int) -> Any:
        return self._rows[key] if key < len(self._rows) else self._blank


def padding(model: Any) -> int:
    """An id that fills short rows; it is masked, so which one it is decides nothing."""
    return int(model.config.pad_token_id or model.config.eos_token_id or 0)


def collator(libraries: Libraries, pad: int) -> Callable[[Sequence[TokenizedRow]], dict[str, Any]]:
    """Rows to tensors. Padded on the left, so that every completion ends at the batch's right edge."""
    torch = libraries.torch

    def collate(rows: Sequence[TokenizedRow]) -> dict[str, Any]:
        width = max(len(row.input_ids) for row in rows)
        ids = torch.full((len(rows), width), pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), IGNORE)
        for index, row in enumerate(rows):
            ids[index, width - len(row.input_ids) :] = torch.tensor(row.input_ids)
            mask[index, width - len(row.input_ids) :] = 1
            labels[index, width - len(row.labels) :] = torch.tensor(row.labels)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        return {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "labels": labels}

    return collate


def completion_loss(model: Any, inputs: dict[str, Any], torch: Any) -> tuple[Any, Any, Any]:
    """Summed loss over the labels, their number, and the logits from the first of them on.

    Logits are computed only where a completion stands: the vocabulary is the widest matrix of a small model.
    """
    labels = inputs.pop("labels")
    targeted = (labels != IGNORE).any(dim=0).nonzero()
    # A batch of nothing but blank rows has no target: its loss is zero, and its gradients take part all the same.
    kept = int(targeted[0]) - 1 if len(targeted) else labels.shape[1] - 2
    logits = model(**inputs, logits_to_keep=labels.shape[1] - kept).logits[:, :-1]
    targets = labels[:, kept + 1 :]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), targets.reshape(-1), reduction="sum"
    )
    return loss, (targets != IGNORE).sum(), logits


def completion_trainer(
    job: Job, model: Any, libraries: Libraries, precision: str, collate: Any, layout: Layout
) -> Any:
    """A `Trainer` over the job's rows."""
    torch, transformers = libraries.torch, libraries.transformers

    class CompletionTrainer(transformers.Trainer):  # type: ignore[misc, name-defined]
        """`Trainer` with our loss and our order of rows."""

        order = order_of(job, layout)

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return self.order

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            loss, count, logits = completion_loss(model, inputs, torch)
            if num_items_in_batch is None:
                loss = loss / count.clamp(min=1)
            else:
                # Their number is that of all processes, whose gradients are averaged afterwards.
                loss = loss * self.accelerator.num_processes / num_items_in_batch
            check_loss(loss, self.state.global_step + 1, torch)
            return (loss, {"logits": logits}) if return_outputs else loss

    arguments = transformers.TrainingArguments(**training_arguments(job, libraries, precision, layout))
    shard_on_cpu(arguments, libraries)
    return CompletionTrainer(
        model=model,
        args=arguments,
        train_dataset=Filled(job.train) if layout.processes > 1 else job.train,
        eval_dataset=job.validation or None,
        data_collator=collate,
    )
