"""Jobs as their owners handle them: one module for each use case."""
