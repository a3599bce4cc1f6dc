"""Prices of a small web shop, in cents."""
