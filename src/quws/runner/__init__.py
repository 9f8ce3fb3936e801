"""What runs inside a child, and only there."""
