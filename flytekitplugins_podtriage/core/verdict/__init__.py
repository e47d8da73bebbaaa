"""Podtriage's own policy: what it makes of a pod, one module for each part of a pod's life."""
