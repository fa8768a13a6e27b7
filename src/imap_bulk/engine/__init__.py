"""MOVES BYTES: knows transfers and signed URLs; knows no archive."""
