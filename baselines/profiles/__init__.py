"""Profiles: how many seconds and joules the parts of a network take on a device."""
