"""Training the embedded classifier from the labelled pool: ``python -m moderation.training``."""
