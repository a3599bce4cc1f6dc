"""Finds secrets in bytes and replaces them. Pure: rules and key in, text and counts out; values are never kept."""
