"""One run, several processes of this machine: where the processor is the bottleneck, and not the archive.

    shared iterator -> the engine here
                    -> a helper: some transfers at a time, over a pipe -> its engine -> outcomes, back over a pipe

Python moves small files with one core, whatever the machine has. A helper is a process with an engine of its own.
It is started when there is much to do, and given something to do once this process has been busy for a while.
What a user allows a host (`jobs`) is shared out. All are told a host's Retry-After, and what it has given, to tell
broken files from an outage. What a lost helper had not done is done here. A helper ends when its parent does,
whatever has ended that.

moving.py  the engine here, and helpers where that pays
team.py    who is given which transfers, and what is taken back
load.py    whether this process is what the run waits for
child.py   a helper, as its parent sees it
helper.py  a helper: an engine that is fed over a pipe
supply.py  transfers from the parent, asked for a little ahead
words.py   what a helper and its parent say to each other
wire.py    events between processes, also on a cluster
"""

from imap_bulk.processes.moving import move

__all__ = ["move"]
