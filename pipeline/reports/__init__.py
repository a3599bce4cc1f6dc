"""Test reports of many formats in one form: `model` says which, one module reads each format. Pure, hostile input."""
