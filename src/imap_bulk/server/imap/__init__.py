"""The IMAP Science Data Center's API, as its services answer.

routes.py        which path is answered by what
keys.py          which requests show a key, and what its bearer may do
query.py         what can be asked for, as conditions on the catalog
records.py       what it answers with
metakernel.py    which kernels cover a time
generations.py   what tells the API of 2024 from that of 2026
names.py         which names either takes, and what it says of others
release.py       what is withheld, made public
gateway.py       what stands before it: limits, envelope, the words where nothing answers
"""
