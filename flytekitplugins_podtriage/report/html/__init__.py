"""Reports as HTML pages without scripts or requests."""
