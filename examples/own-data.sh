#!/usr/bin/env bash
# From two files of chat rows (system, user, answer = label) to a gated fine-tune, in a new repository.
#   examples/own-data.sh TRAIN.jsonl TEST.jsonl FOLDER LABEL,LABEL,...
# Run from a checkout of Liftgate after `make install`. The test file becomes the frozen golden set, the train file
# the dataset; prompts that stand in both are left out of the dataset.
set -euo pipefail
train=$(realpath "$1") test=$(realpath "$2") folder=$3 labels=$4
here=$(cd "$(dirname "$0")/.." && pwd)
liftgate=$here/.venv/bin/liftgate
alias=own-data
system="Route the message. Answer with exactly one label: ${labels//,/, }"

mkdir -p "$folder/evals/$alias/prompts" "$folder/datasets/$alias"
cd "$folder"
git init -q -b main 2>/dev/null || true

# 1. The ruler: golden set, prompt, suite, policy, prices. It lands first, in a commit of its own.
"$liftgate" data adopt "$test" --as cases --labels "$labels" --id-prefix golden --out "evals/$alias/golden.jsonl"
printf 'version: 1\nsystem: "%s"\n' "$system" > "evals/$alias/prompts/prompt-v1.yaml"
cat > "evals/$alias/suite.yaml" <<YAML
version: 1
alias: $alias
task: classification
golden: golden.jsonl
primary_metric: exact_match
sampling: {temperature: 0, max_tokens: 16, seed: 0}
truncated: score
scorers: [exact_match]
arms:
  candidate: {prompt: prompts/prompt-v1.yaml, model: candidate}
YAML
cp "$here/evals/prices.yaml" evals/prices.yaml
printf 'version: 1\ndata: {min_rows_per_class: 20}\n' > evals/policy.yaml
cat > models.yaml <<YAML
version: 1
models:
  $alias:
    default: {model_id: smollm2-135m-instruct, provider: local, base: embedded}
YAML
git add -A
git -c user.name=example -c user.email=example@example.invalid commit -q -m "The ruler"

# 2. The subject: the dataset, split by label with repeats on one side, and its card.
git switch -q -c first-fine-tune
"$liftgate" data adopt "$train" --labels "$labels" --source human --reviewed --locale en --id-prefix row \
  --without "evals/$alias/golden.jsonl" --system "$system" --out .liftgate/rows.jsonl
"$liftgate" data split .liftgate/rows.jsonl --version 1.0.0 --out "datasets/$alias"
sha() { sha256sum "datasets/$alias/$1" | cut -d' ' -f1; }
cat > "datasets/$alias/card.yaml" <<YAML
version: 1
alias: $alias
task: classification
description: Messages with one of ten labels.
owner: example
licence: see the source of the rows
training: {provider: local, base: embedded, batch_size: 8, learning_rate: 0.002}
releases:
  - version: 1.0.0
    train: {file: v1.0.0.train.jsonl, sha256: $(sha v1.0.0.train.jsonl)}
    validation: {file: v1.0.0.validation.jsonl, sha256: $(sha v1.0.0.validation.jsonl)}
YAML
git add datasets
git -c user.name=example -c user.email=example@example.invalid commit -q -m "The subject"

# 3. The gate.
code=0
"$liftgate" run --base main || code=$?
echo "exit code $code (0 pass, 10 blocked, 11 insufficient evidence)"
