"""Deployments: requests to a trained network over a channel, between a device's and a server's profile."""
