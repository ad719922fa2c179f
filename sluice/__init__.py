"""The command line: `sluice up` runs the whole house on one machine.

cli.py          the commands; imports nothing heavy until one is chosen
up.py           the main path: claim the folder, start the queue, find an engine, start the house, wait, stop
supervisor.py   starts children, starts them again when they die, stops them in order
guard.py        the small process around each child: nothing outlives `sluice up`, not even its kill -9
programs.py     the processes of a house, and their environment
valkey.py       the embedded queue: a real Valkey on a UNIX socket in the data folder
redis_check.py  or a Redis that was given, looked at before anything is trusted to it
engine.py       which engine the workers get, with a progress bar where something is fetched
frontend.py     the page's sources: is what was built of them still theirs, is there a Node
page.py         builds the page with npm, while the rest starts
folder.py       the data folder and its lock
address.py      where the API will listen, and how we know that it answers
screen.py       what a person sees: the banner, the supervisor's sentences, the children's warnings
tail.py         follows the children's log files
doctor.py       looks at everything and prints what to do
settings.py     settings from the environment
"""
