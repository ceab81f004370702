"""Boards of deployments: requests to a network over a channel, policy by policy."""
