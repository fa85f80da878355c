"""From a set-up file to a checked model: what there is to read, write, run and where."""
