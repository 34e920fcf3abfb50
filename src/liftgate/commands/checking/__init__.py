"""Dataset files against the rules: one file, or those of a change."""
