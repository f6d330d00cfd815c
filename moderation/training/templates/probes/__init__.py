"""Texts to examine the heads by, a file for each kind; nothing is ever trained on them."""
