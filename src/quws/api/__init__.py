"""HTTP: the UWS tree, its renderings, and the pages."""
