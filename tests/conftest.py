"""Its place puts this folder on the import path, so that tests can share example values and fake servers."""
