"""S3Proxy, an S3 server for tests: it enforces signatures and expiry, which in-memory imitations do not."""
