"""The worker: one process for each GPU. ask → execute → finish; `engines/` is where it sends work to models.

worker       one process: its engine, its kit, life after life
life         one incarnation: it asks for jobs, obeys its inbox, beats, and keeps to its lease
attempts     the attempts that a life runs
attempt      one attempt: start → execute → finish, on to an alternative, or back to the queue
execution    an attempt's work at the engine, behind what earlier attempts wrote
ending       the last write of an attempt
kit          what all attempts of the process share
shape        what the worker reports of itself
engines/     one engine each: `base` (Engine), `store` (ModelStore), and their wire, stream and faults
"""
