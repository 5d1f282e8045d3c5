"""What the paper left open: pictures and comparisons, from tables of runs."""
