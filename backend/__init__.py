"""The API: HTTP in, SSE out.

app.py        wires everything; `house.py` holds what is born in the lifespan
chat/         the main hall: service.py lets a chat in, endpoints.py is its door, chain.py is LangServe's
jobs/         look at a job, follow it, cancel it
health/       may traffic come here, and how is the pool
dialects/     what a client speaks: events in, bytes out
relay.py      a job's events to one client
pool/         what every API process does for the pool: watch lives and deadlines, tell places, know the models
orchestrator/ tells Kubernetes which workers are busy, where it is asked to
guard.py, context.py, body.py, errors.py, principal.py, settings.py
"""
