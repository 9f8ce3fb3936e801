"""The UWS tree: routes, and the XML and JSON renderings of its resources."""
