"""What people see of a verdict: the comment, the page, the words in a terminal.

Every renderer takes one report (`schemas/report.schema.json`) and gives text. Nothing else escapes or rounds.
"""
