"""What callers get, looked at again: logs, canaries, re-evaluation, backlog."""
