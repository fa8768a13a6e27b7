"""KNOWS WHERE: searches an archive, and signs URLs for what it finds. One file per archive."""
