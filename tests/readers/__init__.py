"""Programs that read an export with the code of the project that owns the format, run by a Python of their own.

Each takes the folder of an export, fails where the reader refuses something, and writes what it found as JSON.
"""
