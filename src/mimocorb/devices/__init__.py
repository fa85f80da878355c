"""Devices, and files of recorded events, as sources: one file per kind.

What is common to devices: :mod:`~mimocorb.devices.about` says what they need,
:mod:`~mimocorb.devices.allowed` refuses settings, :mod:`~mimocorb.devices.connection` opens them
again when they are lost.
"""
