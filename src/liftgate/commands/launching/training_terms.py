"""What the policy lets a training on this machine do, where the policy itself may be trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liftgate.project import Ruler
    from liftgate.training_policy import TrainingPolicy


def training_terms(ruler: Ruler, environment: Mapping[str, str] = os.environ) -> TrainingPolicy:
    """The policy's group `training`; in a workflow without its commands and its remote code, unless it is of the base.

    At a desk the work tree is one's own. In a workflow it is a pull request's, and a policy that the request itself
    wrote could run whatever it likes.
    """
    terms = ruler.policy.training
    if ruler.ref is None and environment.get("GITHUB_ACTIONS"):
        return replace(terms, commands={}, remote_code=())
    return terms
