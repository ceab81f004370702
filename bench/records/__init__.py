"""Records: one sealed file for each run or stream, found, checked and compared. Imports no torch."""
