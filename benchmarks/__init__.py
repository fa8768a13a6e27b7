"""Benchmarks: imap-bulk beside every rival that is installed, on one server, in one interleaved session.

__main__   options; goes into a network namespace where it may
workloads  what is moved: sizes, names, random content with known digests
link       what lies between clients and server: the loopback, or a long way made by tunnel, else by proxy
tunnel     packets between two network namespaces, late and lost as asked
proxy      bytes through the loopback, late as asked, for where no namespace can be had
stage      the other side: nginx, or the embedded archive where nginx is missing
archive    the embedded archive as a process of its own
rivals     who takes part; programs holds those that are no Python
scripts/   the rivals that are Python libraries, each as the program a user would write
against    a second checkout of imap-bulk as a rival
network    a loopback of our own, without the pacing of the host's
measure    one run: wall, CPU, memory, and whether every file is right; timed is its stop-watch
session    the rounds, in rotating order
results    dated JSON files
tables     medians, ratios and Markdown from such a file; chart draws it; report shows all of them together
"""
