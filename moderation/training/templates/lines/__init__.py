"""Whole sentences that rows are made from, a file for each head."""
