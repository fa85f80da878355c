"""Templates, handles and functions of mimoCoRB2."""
