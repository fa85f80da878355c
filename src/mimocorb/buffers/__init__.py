"""Ring buffers: the contract, the classes users hold, and the backends behind them."""
