"""What the long-running programs share to report about themselves: fields of log lines, warnings, metrics."""
