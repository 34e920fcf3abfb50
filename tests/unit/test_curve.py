"""Losses in a terminal."""

from __future__ import annotations

from liftgate.training.curve import overfit_advice, overfit_findings, progress_line, series, sparkline


def test_a_falling_loss_is_a_falling_line() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1]) == "█▇▆▅▄▃▂▁"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)))) == 40


def test_what_is_no_number_is_left_out() -> None:
    losses: list[dict[str, object]] = [
        {"step": 2, "train_loss": 1.0},
        {"step": 1, "loss": 2},
        {"train_loss": float("nan")},
        {"loss": "x"},
    ]
    assert series(losses) == [(1, 2.0), (2, 1.0)]


def test_the_line_tells_the_newest_losses() -> None:
    losses = [{"step": n, "train_loss": 4.0 - n, "valid_loss": 5.0 - n} for n in (1, 2, 3)]
    assert progress_line(losses) == "loss █▅▁ 1.0000 at step 3, validation 2.0000"
    assert progress_line([{"step": 1, "train_loss": 1.0}]) == "loss ▁ 1.0000 at step 1"
    assert progress_line([]) is None


def checked(*values: float) -> list[dict[str, float]]:
    return [{"step": n, "valid_loss": value} for n, value in enumerate(values, start=1)]


def test_a_rising_validation_loss_is_told_after_three_looks() -> None:
    assert overfit_advice(checked(3, 2, 1, 1.1, 1.2)) is None
    assert overfit_advice(checked(3, 2, 1, 1.1, 1.2, 1.3)) == (
        "validation loss was best (1.0000) at step 3 and is 1.3000 now: the model learns the training rows by heart; "
        "cancel, and train fewer epochs, or evaluate the checkpoint nearest to that step"
    )
    assert overfit_advice(checked(3, 2, 1, 1.1, 1.2, 0.9)) is None
    assert overfit_advice([]) is None


def test_a_validation_loss_that_rose_to_the_end_is_a_warning_with_a_way_out() -> None:
    losses = [{"step": n, "loss": loss} for n, loss in enumerate([2.0, 1.0, 1.1, 1.2, 1.3], start=1)]
    (found,) = overfit_findings(losses, "datasets/toy/card.yaml")
    assert (found.rule, found.severity, found.path) == ("overfit", "warning", "datasets/toy/card.yaml")
    assert found.message == (
        "validation loss was best (1.0000) at step 2 and is 1.3000 now: the model learns the training rows by heart; "
        "train fewer epochs, or set early_stopping in the card's training section, which keeps the best step"
    )
    assert overfit_findings(losses[:4], "card.yaml") == []
    assert overfit_findings([], "card.yaml") == []
