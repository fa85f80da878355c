"""Faults that users, attackers and other systems have shown, each as a small case that must go right."""
