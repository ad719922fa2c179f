"""The parts that several protocols use.

door.py         what a protocol has to fill in: read a request, translate its events, write a whole answer
serving.py      the handler of every door: read, submit, relay
translation.py  the events of a job, as they become one client's bytes; sse.py and fast_text.py are its tools
reading.py      a request's body as a model; options, tools, schema, images, text_files: parts of such models
openapi.py      the description of routes that read their bodies themselves
"""
