"""What the tests of faults have in common: dirty worlds, processes to kill, and two worlds compared to the last row."""
