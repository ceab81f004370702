"""Seesaw's own backbones, methods, exits plans, policies and codecs: plugins like anyone's."""
