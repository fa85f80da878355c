"""Recordings that other programs have written: read by ``mimocorb.open``, never written."""
