"""The contract: topics, records, event types and their byte forms. Imports nothing else of this project."""
