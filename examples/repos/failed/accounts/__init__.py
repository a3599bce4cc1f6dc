"""Logging in: a signed ticket in a cookie says who the visitor is."""
