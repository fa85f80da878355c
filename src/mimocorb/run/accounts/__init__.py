"""What the workers' account pages say: live time, decisions, where the time goes."""
