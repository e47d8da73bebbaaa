"""Texts that people paste, read as what they are: descriptions, tables of events, log lines."""
