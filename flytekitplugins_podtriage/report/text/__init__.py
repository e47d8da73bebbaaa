"""Text for people: sanitized, shortened, and labels for events, rules and times."""
