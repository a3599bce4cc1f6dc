"""Stored traces as data sets: pure formats (`formats`), and what writes them piece by piece and can be killed."""
