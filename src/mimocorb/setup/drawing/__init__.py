"""Drawing: the data flow of a set-up as SVG or PNG."""
