"""What is written down: one sealed file for each run or stream, found, checked and compared. Knows no torch."""
