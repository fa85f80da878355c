"""Displays: observers that draw. They never slow or stop a run."""
