"""Evaluation: a suite's cases, asked of an endpoint, graded by scorers, kept as a run."""
