"""The embedded classifier: NumPy only, from words to seven scores."""
