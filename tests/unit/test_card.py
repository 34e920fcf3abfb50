"""card.yaml: the names and numbers that releases hang on."""

from __future__ import annotations

import pytest

from liftgate.data.card import Card, read_card
from liftgate.errors import InputError

HEAD = "version: 1\nalias: shop\ntask: classification\ndescription: tickets\nowner: us\nlicence: CC0-1.0\nreleases:\n"
SHA = "a" * 64


def card(file: str, *, version: str = "1.0.0", sha256: str = SHA, more: str = "") -> Card:
    return read_card(
        f"{HEAD}  - version: {version}\n    train:\n      file: {file}\n      sha256: {sha256}\n{more}",
        "card.yaml",
    )


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("../../etc/passwd", "a released file lies beside the card; write its name without folders"),
        ("/etc/passwd", "a released file lies beside the card; write its name without folders"),
        ("..", "a released file lies beside the card; write its name without folders"),
        ("a\\b", "a released file lies beside the card; write its name without folders"),
        ('"rows\\nx.jsonl"', "the file's name holds a line end or a control character"),
        ('"rows\\e[2J.jsonl"', "the file's name holds a line end or a control character"),
        ("x" * 1025, "the file's name is longer than 1024 characters"),
        ("https://host/rows.jsonl", "only s3:// addresses are read; put the file beside the card"),
        (
            "s3://KEYID:kestrel@bucket/rows.jsonl",
            "the s3 address holds credentials; take them out (and revoke them), boto3 finds its own",
        ),
        (
            "s3://bucket/rows.jsonl?X-Amz-Signature=kestrel",
            "the s3 address has a query; write s3://bucket/key, and version_id beside it",
        ),
        ("s3://bucket", "the s3 address has no plain key; write s3://bucket/folder/file.jsonl"),
        ("s3://bucket/a//b", "the s3 address has no plain key; write s3://bucket/folder/file.jsonl"),
        ("s3://bucket/../b", "the s3 address has no plain key; write s3://bucket/folder/file.jsonl"),
        ("s3://Bucket/b", "the s3 address names no bucket; write s3://bucket/key"),
    ],
)
def test_a_file_name_that_leads_elsewhere_is_refused_with_its_place_and_not_repeated(
    file: str, sentence: str
) -> None:
    with pytest.raises(InputError) as refused:
        card(file)
    assert (
        str(refused.value) == f"card.yaml has 1 problem\n  card.yaml:10 $.releases[0].train.file: {sentence}"
    )
    assert "kestrel" not in str(refused.value)


def test_a_version_id_belongs_to_s3_only() -> None:
    assert card("s3://bucket/a/b.jsonl", more="      version_id: x1\n").releases[0].train.version_id == "x1"
    with pytest.raises(InputError, match="version_id belongs to an s3:// address only"):
        card("rows.jsonl", more="      version_id: x1\n")


@pytest.mark.parametrize(
    "version", ["1.0", "01.0.0", "1.0.0-rc1", '"1.0.0\\n"', "٣.0.0", f"{'9' * 5000}.0.0", "v1.0.0"]
)
def test_a_version_is_three_plain_numbers(version: str) -> None:
    with pytest.raises(InputError, match=r"card.yaml:8 \$.releases\[0\].version"):
        card("rows.jsonl", version=version)


@pytest.mark.parametrize("sha256", [SHA.upper(), SHA[:63], f'"{SHA}\\n"', f"sha256:{SHA}"])
def test_a_sha256_is_64_lower_case_digits(sha256: str) -> None:
    with pytest.raises(InputError, match=r"card.yaml:11 .*64 lower-case hex digits"):
        card("rows.jsonl", sha256=sha256)


def test_every_problem_is_told_at_once() -> None:
    entry = "  - version: 1.0.0\n    train: {file: ../a, sha256: " + SHA + "}\n"
    with pytest.raises(InputError) as refused:
        read_card(HEAD + entry * 2, "card.yaml")
    assert [problem.place for problem in refused.value.problems] == [
        "card.yaml:9 $.releases[0].train.file",
        "card.yaml:10 $.releases[1]",
        "card.yaml:11 $.releases[1].train.file",
    ]


def test_one_file_is_not_both_halves_of_a_release() -> None:
    entry = f"  - version: 1.0.0\n    train: {{file: a, sha256: {SHA}}}\n    validation: {{file: a, sha256: {SHA}}}\n"
    with pytest.raises(InputError) as refused:
        read_card(HEAD + entry, "card.yaml")
    assert [str(problem) for problem in refused.value.problems] == [
        "card.yaml:10 $.releases[0].validation.file: the file that is trained on; validation rows need a file of "
        "their own"
    ]


def test_versions_are_sorted_by_number_not_by_letter() -> None:
    versions = ["1.9.0", "1.10.0", "1.2.0"]
    text = "".join(f"  - {{version: {v}, train: {{file: {v}.jsonl, sha256: {SHA}}}}}\n" for v in versions)
    ordered = sorted(read_card(HEAD + text, "card.yaml").releases, key=lambda release: release.order)
    assert [release.version for release in ordered] == ["1.2.0", "1.9.0", "1.10.0"]


def trained(training: str) -> Card:
    return card("rows.jsonl", more=f"training: {training}\n")


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ("{provider: local, base: b, epochs: auto}", "a local training takes a number, not auto"),
        (
            "{provider: local, base: b, method: supervised}",
            "provider local trains by lora, qlora, full, dpo, command, not by supervised",
        ),
        ("{provider: local, base: b, beta: 1}", "beta goes with method dpo"),
        (
            "{provider: local, base: b, method: full, rank: 8}",
            "'rank' shapes an adapter, and method full trains every weight without one; remove it",
        ),
        (
            "{provider: local, base: b, method: command, command: axolotl, early_stopping: {patience: 2}}",
            "'early_stopping' steers Liftgate's own training, and method command runs another; remove it",
        ),
        ("{provider: local, base: b, method: command}", "that method names one of evals/policy.yaml"),
        ("{provider: local, base: b, command: axolotl}", "a command goes with method command"),
        ("{provider: local, base: b, packing: true}", "packing is refused: packed rows see each other"),
        ("{provider: local, base: b, precision: fp16}", "'fp16' is not one of auto, fp32, bf16"),
        ("{provider: local, base: b, early_stoping: {patience: 1}}", "did you mean 'early_stopping'?"),
        ("{provider: local, base: b, early_stopping: {patence: 1}}", "did you mean 'patience'?"),
        ("{provider: local, base: b, target_modules: some}", "expected all-linear (default of qlora), or a"),
        ("{provider: openai, base: b, rank: 8}", "'rank' means nothing to provider openai; remove it"),
        (
            "{provider: openai, base: b, method: lora}",
            "provider openai trains by supervised, dpo, reinforcement, not by lora",
        ),
        ("{provider: azure, base: b, method: dpo, grader: {}}", "a grader goes with method reinforcement"),
        ("{provider: openai, base: b, method: reinforcement}", "a grader goes with method reinforcement"),
        ("{provider: bedrock, base: b, beta: 0.1}", "beta goes with method dpo"),
        ("{provider: openai, base: b, epochs: many}", "expected auto (not local), or a number from 1 to 50"),
    ],
)
def test_a_training_section_holds_only_what_its_provider_and_method_know(
    training: str, sentence: str
) -> None:
    with pytest.raises(InputError) as refused:
        trained(training)
    assert sentence in str(refused.value)
    assert "card.yaml:12 $.training" in str(refused.value)


@pytest.mark.parametrize(
    "training",
    [
        "{provider: openai, base: gpt-4.1-nano-2025-04-14}",
        "{provider: openai, base: b, method: dpo, beta: 0.1, epochs: 2, batch_size: auto}",
        "{provider: azure, base: b, learning_rate_multiplier: 1.5}",
        "{provider: bedrock, base: b, epochs: 2, learning_rate: 0.0001, warmup_steps: 3}",
        "{provider: openai, base: b, method: reinforcement, grader: {type: string_check}}",
        "{provider: local, base: b, method: qlora, target_modules: all-linear, precision: bf16, dropout: 0.05}",
        "{provider: local, base: b, method: dpo, beta: 0.2, checkpoints: {steps: 5}, packing: false}",
        "{provider: local, base: b, method: full, early_stopping: {patience: 2, min_delta: 0.01}}",
        "{provider: local, base: b, method: command, command: axolotl, rank: 8}",
    ],
)
def test_what_a_provider_knows_is_taken(training: str) -> None:
    assert trained(training).document.data["training"]["base"]
