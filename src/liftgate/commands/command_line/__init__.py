"""What the command line itself is made of: parsers, their words, completion."""
