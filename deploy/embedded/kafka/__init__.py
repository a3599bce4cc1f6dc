"""The embedded Kafka broker: the real thing, one node in KRaft combined mode, one process."""
