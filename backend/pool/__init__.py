"""The pools, as every API process knows them, whichever process a job came through.

look        what is known of workers and queues, from one look every two seconds
expected    when a job is expected to begin: the ETA of a caller, the choice of the router
models/     which models there are, what a name means, what a request needs of a model
pools       the pools and their verbs; a job wherever it is
trail       one caller's view of a job's events, through every pool that the job passes
watcher     watches lives, deadlines and the clock
news        sends waiting callers their place in the queue
"""
