"""The HTTP front door: checks, redacts and appends what clients send; serves what became of it."""
