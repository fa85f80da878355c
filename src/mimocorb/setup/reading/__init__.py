"""Reading: what a set-up of each dialect says, in its file, its configuration files and --set."""
