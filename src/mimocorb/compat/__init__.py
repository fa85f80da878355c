"""What older forms of mimoCoRB need: the only place that knows their words."""
