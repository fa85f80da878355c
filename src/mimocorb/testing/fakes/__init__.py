"""Simulated devices at the wire: what a driver sees of them is what it sees of the real ones.

They serve the tests of the drivers, and the twin of an experiment that runs without its equipment.
"""
