"""Models asked a suite's cases: who answers, what it may cost, who grades."""
