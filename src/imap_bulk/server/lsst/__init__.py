"""The LSST Data Access API v0, as its archived page describes it and as its services once ran.

server.py         the three services on one port
sample.py         what is archived: levels, databases, collections, images, stars
schema.py         the tables, as MySQL shows them and as SQLite keeps them
databases.py      the catalogue databases as files, built once
meta.py           the metadata service
genuine.py        the metadata service as it once ran
paging.py         lists in pages, and which entries are wanted
tap.py            the query service
sql.py            statements of strangers, run within bounds
dialect.py        what MySQL and ADQL know and SQLite does not
sky.py            regions on the sky, as functions of SQL
columns.py        which type a column has, and its values
formats.py        the forms in which a table leaves
astronomical.py   those that astropy writes
imaging.py        the image service
images.py         images as FITS
cutouts.py        which box of an image is meant
waiting.py        the routes of jobs
jobs.py           what goes on behind an answer
content.py        bytes with ETag, ranges, Repr-Digest
replies.py        JSON, and the services' errors
faults.py         faults on demand
"""
