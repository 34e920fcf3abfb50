"""A change judged as data: its files, its stages, its verdict by content."""
