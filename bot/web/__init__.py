"""The review page: held posts in a browser, for people without a terminal."""
