"""From a file of questions and answers to a working alias: what is read, proposed, written and placed."""
