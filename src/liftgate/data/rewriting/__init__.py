"""Rows made from rows: taken over, scrubbed of personal data, varied; every other byte stays as it was written."""
