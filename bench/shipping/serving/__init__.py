"""The device's and the server's process, and what lies between them."""
