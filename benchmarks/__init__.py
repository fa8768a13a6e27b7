"""Compares imap-bulk with its rivals on one machine, in one run. Never a test of time."""
