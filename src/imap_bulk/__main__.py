"""`python -m imap_bulk`."""

from imap_bulk.cli.main import main

if __name__ == "__main__":
    main()
