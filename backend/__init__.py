"""The API: HTTP in, SSE out. A folder is a room; a room imports only rooms that stand below it.

app.py         wires everything: routes, middleware, the lifespan
house.py       the parts of one process; the app alone imports it
process.py     the server, until SIGTERM; leaving.py: what happens at that signal
settings.py    the environment; rules.py: the operator's routing rules; bounds.py: what of them bounds a request
errors.py      the one tree of errors with status codes
ids.py         types of ids; moments.py: times; cursor.py: where a page of a list ended

entrance/      what every request passes before a handler: id, guard, crowd, body, the shape of a refusal
accounts/      the caller of a request, and what each route needs its caller to be allowed
dialects/      a folder for each client protocol; protocols.py lists them
chat/          the main hall: service.py submits a job and follows it, relay.py sends its events to a caller
batches/       a file of requests, answered into a file
threads/       conversations; files/: uploads; admin/: the pool live, and the jobs of all tenants
routing/       which pool and which model a job goes to
pool/          the pools: jobs wherever they are, lives and deadlines watched, places, models
history/       ended jobs into SQL; store/: tables, rows, migrations, the database
health/        can this process let jobs in, and how is the pool
orchestrator/  Kubernetes learns which workers are busy
site/          the page, served as files
"""
