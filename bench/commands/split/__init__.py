"""Commands of split computing: profiles of devices, and deployments."""
