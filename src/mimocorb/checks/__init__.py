"""What is found out before a run: the modules are imported, and all functions are looked at."""
