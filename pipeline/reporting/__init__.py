"""Reports as single HTML files that need no other file, host or script."""
