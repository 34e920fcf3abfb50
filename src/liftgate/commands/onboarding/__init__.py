"""A repository made ready: `init`, `doctor` and the story of `demo`."""
