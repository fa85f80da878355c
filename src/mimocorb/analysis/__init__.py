"""What is calculated from events, in native code where that counts."""
