"""The same resources as pages for browsers."""
