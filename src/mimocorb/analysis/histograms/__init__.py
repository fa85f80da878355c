"""Histograms of a run, made of all events while it goes on, and the fits to them.

What is where
-------------

==========================  ====================================================================
``component``               the sink ``histogram``: fills, and publishes after each batch
``expression``              what is filled: arithmetic on the fields of the events
``axes``                    how the bins are chosen
``page``                    the file of counts that one process publishes into
``stored``                  ``RunHistogram``: the sum of the pages, as everybody else sees it
==========================  ====================================================================

The counts are those of boost-histogram, and are given and taken in the form of UHI, so that hist,
mplhep, uproot and others work with them.
"""
