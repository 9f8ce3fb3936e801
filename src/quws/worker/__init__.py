"""Takes jobs of one target from the queue and looks after them until they end."""
