"""Sinks: what the topics say, as rows in ClickHouse, each thing once."""
