"""Whole texts that rows are made from, a file for each head."""
