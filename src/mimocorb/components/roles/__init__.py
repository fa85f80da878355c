"""One loop for each role: what lies between a buffer and the function of a component."""
