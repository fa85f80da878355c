"""The worker processes: how they start, what they do, how they are seen to end."""
