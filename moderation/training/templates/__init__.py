"""Rows written for this project, as patterns with slots."""
