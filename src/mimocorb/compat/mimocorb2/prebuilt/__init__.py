"""The functions that come with mimoCoRB2, made of our access classes."""
