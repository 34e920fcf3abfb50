"""A training paid for once: price, approval, launch, following it to its end."""
