"""After the merge: what callers are given today, looked at again; one issue for each subject. Pure."""
