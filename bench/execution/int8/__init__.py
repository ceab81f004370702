"""Int8: programs computed in whole numbers of eight bits, exactly as the generated C computes them."""
