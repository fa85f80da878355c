"""What a source, filter, sink or observer is, and one loop for each of these roles."""
