"""Webhooks: which there are, and sending messages to them."""
