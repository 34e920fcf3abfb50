"""Training on this machine, in the order of its stages: libraries, model, labels, loop, checks, publishing.

The loop is transformers' `Trainer`, TRL's `DPOTrainer` for preferences; around it are our rendering and our checks.
"""
