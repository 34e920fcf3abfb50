"""Findings about the change itself: which files move, and whether they can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from liftgate.explained.told import Told

RULES: Final[Mapping[str, Told]] = {
    "split-this-pr": Told(
        "error",
        """The change moves the ruler (policy, prices, golden or safety set, suite, waivers) with what it measures.
        Why: whoever moves both at once can make any model pass.
        Fix: two pull requests, the ruler first; the comment has the commands.""",
    ),
    "unknown-alias": Told(
        "error",
        """The alias has no suite in the base branch, or is called `reports`, which is no name of an alias.
        Why: without a ruler in the base nothing can measure it; `evals/reports/` holds evidence, which nobody owns.
        Fix: land `evals/<alias>/` first, in a pull request of its own; or choose another name.""",
    ),
    "rivals-moved": Told(
        "warning",
        """Rows change together with how base or other arms are asked: prompts, documents or arms of the suite.
        Why: a weaker rival makes a lift that callers will not see.
        Fix: read the file that the message names, or land it first.""",
    ),
    "odd-path": Told(
        "error",
        """The name of a file cannot be seen, leads out of its folder, or means another file on some machine.
        Also two names that differ in case only, and `Datasets/` for `datasets/`.
        Why: reviewers and the gate would look at different files.
        Fix: rename it.""",
    ),
    "not-a-plain-file": Told(
        "error",
        """A symbolic link or a submodule stands where Liftgate reads a file.
        Why: what it leads to may change without a commit, or lie outside the repository.
        Fix: commit the file itself.""",
    ),
    "change-too-large": Told(
        "error",
        """The change has more aliases, data files or bytes than are judged at once.
        Why: it would keep the gate at work for hours.
        Fix: split it; keep large data in Git LFS or S3, pinned by the card.""",
    ),
    "unreadable-change": Told(
        "error",
        """What the change does to `models.yaml` cannot be read, so nobody can tell which aliases it concerns.
        Why: `models.yaml` decides who answers; what is not understood is not let through.
        Fix: correct the places that the message names; `liftgate plan --base origin/main` tries it.""",
    ),
    "crossed-history": Told(
        "error",
        """Change and base have several nearest common commits.
        Why: what the change touches then depends on which of them one looks from.
        Fix: rebase the change onto the base branch.""",
    ),
    "not-the-default-branch": Told(
        "error",
        """The pull request goes into another branch than the default one.
        Why: only the default branch's policy and golden sets count, and another branch may hold any.
        Fix: set the base of the pull request to the default branch.""",
    ),
    "unknown-address": Told(
        "error",
        """A model would be sent a key at an address that neither `models.yaml` nor the suite of the base names.
        Why: an address from a pull request could collect the key.
        Fix: land it under `endpoints` of `evals/<alias>/suite.yaml` in a change of its own.""",
    ),
    "variant-mismatch": Told(
        "error",
        """A variant of this dataset version names other hashes than the dataset and card of the change have.
        Why: `models.yaml` would say of a model that it was trained on rows it never met.
        Fix: give changed rows a new version, or take over the hashes: `liftgate registry add`.""",
    ),
    "no-data-diff": Told(
        "warning",
        """What the release changes against the one before could not be counted.
        Why: reviewers see rows by their summary; it judges nothing, so it does not block.
        Fix: mend what the message names; `liftgate data diff <alias>` tries it.""",
    ),
}
