"""PARSES, CALLS, PRINTS: exit codes live here alone."""
