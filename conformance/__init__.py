"""Clients that nobody here wrote, against a running server; each exchange held against AWS's own service models."""
