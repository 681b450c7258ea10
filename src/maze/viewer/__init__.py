"""Recorded episodes to look at: in the browser, in a notebook, in a file to send."""
