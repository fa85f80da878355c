"""The forms in which a user writes a worker function, and how a function of each is called."""
