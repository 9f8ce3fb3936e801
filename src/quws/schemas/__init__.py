"""Models of what goes over a wire: the API writes them, the client and the target read them."""
