"""A judgement said on GitHub: status, comment, dispatches, files."""
