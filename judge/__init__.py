"""Grades how a bug was worked on, against a rubric, without knowing whether the fix works."""
