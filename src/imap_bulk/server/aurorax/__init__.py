"""AuroraX."""
