"""What jobs gave, as tables and packed bits: one module for each format, which writes in pieces."""
