"""Scores finished traces again, as a run of its own beside the live judge: planned, frozen, resumable, repeatable."""
