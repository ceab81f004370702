"""Partitioners: where the operations of a network run, on the device, at the edge and in the cloud."""
