"""From what was judged to what is published: one status, one comment. Pure; `commands/publish.py` talks to GitHub."""
