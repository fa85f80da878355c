"""A run seen and steered from other processes, through a socket."""
