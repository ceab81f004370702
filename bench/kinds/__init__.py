"""One contract for each kind of plugin, and the bases that leave only a paper's idea to write."""
