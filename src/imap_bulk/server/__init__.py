"""PLAYS AN ARCHIVE on this machine; answers as the real ones do."""
