"""Which weights of a network exist (masks, densities, fixed degrees), and how their numbers are written."""

from bench.network.sparse import degree as degree
