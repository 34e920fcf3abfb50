"""Training on preferences: TRL's `DPOTrainer` with our tokens, our masks and our order of rows.

TRL would render the rows itself, cut what is too long, drop what is then empty, write a model card and report to
its makers. Its dataset here is a list of numbers: the rows behind them are tokenised already, and collated by us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from liftgate.training.rendering import IGNORE, PairedRow
from liftgate.training.tuning.arguments import order_of, training_arguments
from liftgate.training.tuning.job import Job
from liftgate.training.tuning.layout import Layout
from liftgate.training.tuning.libraries import Libraries, preference_library
from liftgate.training.tuning.model import adapter_config, no_place
from liftgate.training.tuning.stops import check_loss

_ROW = "row"


def pair_collator(libraries: Libraries, pad: int) -> Callable[[Sequence[PairedRow]], dict[str, Any]]:
    """Pairs to TRL's tensors: the preferred conversations, below them the rejected, and a mask over the answers."""
    torch = libraries.torch

    def collate(rows: Sequence[PairedRow]) -> dict[str, Any]:
        sides = [row.preferred for row in rows] + [row.rejected for row in rows]
        width = max(len(side.input_ids) for side in sides)
        ids = torch.full((len(sides), width), pad)
        attention = torch.zeros((len(sides), width), dtype=torch.long)
        answers = torch.zeros((len(sides), width), dtype=torch.long)
        for index, side in enumerate(sides):
            length = len(side.input_ids)
            ids[index, :length] = torch.tensor(side.input_ids)
            attention[index, :length] = 1
            answers[index, :length] = torch.tensor([int(label != IGNORE) for label in side.labels])
        return {"input_ids": ids, "attention_mask": attention, "completion_mask": answers}

    return collate


def preference_trainer(
    job: Job, model: Any, libraries: Libraries, precision: str, collate: Any, layout: Layout
) -> Any:
    """A `DPOTrainer` over the job's pairs. The reference is the base itself, with the adapter switched off."""
    trl = preference_library()
    from datasets import Dataset

    train = cast("Sequence[PairedRow]", job.train)
    validation = cast("Sequence[PairedRow]", job.validation)
    settings, torch = job.settings, libraries.torch

    class PreferenceTrainer(trl.DPOTrainer):  # type: ignore[misc, name-defined]
        """`DPOTrainer` that takes the rows as they are."""

        order = order_of(job, layout)

        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def _send_telemetry(self) -> None:
            """Nobody but the reader of the report learns of a training."""

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """The adapter's record takes its place."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return self.order

        def compute_loss(self, *given: Any, **named: Any) -> Any:
            found = super().compute_loss(*given, **named)
            check_loss(found[0] if isinstance(found, tuple) else found, self.state.global_step + 1, torch)
            return found

    def numbered(rows: Sequence[PairedRow], of: int) -> Any:
        return Dataset.from_dict({_ROW: [[of, number] for number in range(len(rows))]})

    def looked_up(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        held = (train, validation)
        found: dict[str, Any] = collate([held[of][number] for of, number in (item[_ROW] for item in batch)])
        return found

    arguments = training_arguments(job, libraries, precision, layout) | {
        "beta": settings["beta"],
        # Rows were measured against max_length before; here nothing is cut.
        "max_length": None,
        "disable_dropout": settings["dropout"] == 0,
        "label_names": None,
    }
    try:
        return PreferenceTrainer(
            model=model,
            args=trl.DPOConfig(**arguments),
            train_dataset=numbered(train, 0),
            eval_dataset=numbered(validation, 1) if validation else None,
            data_collator=looked_up,
            processing_class=_tokenizer(job, libraries),
            peft_config=adapter_config(job, model, libraries),
        )
    except ValueError as error:
        raise no_place(job, error) from None


def _tokenizer(job: Job, libraries: Libraries) -> Any:
    """TRL wants one for its padding id; it encodes nothing."""
    return libraries.transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(job.base.folder / "tokenizer.json"),
        eos_token=job.renderer.decode([min(job.renderer.end_ids)]),
    )
