"""Dashboards for Grafana: what they show, as Python, and the JSON that is made of it."""
