"""Text for people: masked, shortened, in words."""
