"""Stock of a warehouse, counted from its delivery lists."""
