"""How a plugin is spelled, found, listed and begun."""
