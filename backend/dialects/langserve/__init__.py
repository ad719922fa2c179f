"""LangServe's protocol, which the page speaks.

endpoints.py  /stream, in LangServe's format and without its package; stream.py writes its bytes
door.py       a request becomes jobs: requests.py reads it, turns.py finds its thread, trim.py cuts what does not fit
model.py      ChatOllama with the queue as its transport, by which LangChain's messages become a job
routes.py     jobs are let in before LangServe's own routes run; chain.py is the only file that knows the package
"""
