"""Commands: one file for each thing that the command line does."""
