"""The commands of AuroraX.

group.py     the group
filters.py   the options of a search, as a query
asking.py    availability · query
sources.py   the data sources, listed and changed
moving.py    pull · push
deleting.py  delete
target.py    which data source is sent to, or deleted from
consent.py   asked of a person before something is deleted, or given by --yes
forms.py     the forms in which answers are printed
"""

from imap_bulk.cli.aurorax.group import aurorax

__all__ = ["aurorax"]
