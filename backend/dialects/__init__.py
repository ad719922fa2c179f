"""The protocols that clients speak here: a room each, and each room is a pure translation at the edge.

protocols.py  PROTOCOLS: everything that the app, the entrance and the tests of nginx and ingress know of them
common/       the parts that several protocols use

Every room has files of the same names, as far as it needs them:

protocol.py   the protocol's record: prefixes, routers, doors, the shape of its errors
endpoints.py  its routes
door.py       a request becomes a job, and a job's outcome an answer (openai/ and ollama/: chat.py, generate.py, …)
request.py    the request's model; messages.py (responses/: input.py) its messages
answer.py     the bytes of an answer (responses/: object.py, stream.py; native/: events.py; langserve/: stream.py)
errors.py     how the protocol refuses a request
models.py     its list of models
"""
