"""One file a format: an open stream in, rows and drops out."""
