"""Scans: one run for each value of a parameter, and what came out as a table.

What is where
-------------

==================  ============================================================================
``points``          from ``--set PATH=1,2,3`` to the points of a scan
``scan_record``     ``scan.json`` in the directory of the scan: what is planned, what is done
``quantities``      the numbers of a run with their uncertainties
``running_scan``    ``Scan``: runs the points that are left; what came out of them
``scan``            how one begins or goes on; ``scan()`` for programs
``scan_table``      the table, as text, CSV and JSON
==================  ============================================================================
"""
