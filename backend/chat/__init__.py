"""The main hall: a door hands a chat to the service, which submits its job; the relay sends the job's events back.

submission    what travels while a job is let in: Submission, Ready
service       gates, then subscribe, then accept; following; leaving
gates/        what every submission passes, in order
admission     routes, names and accepts a job (naming, answers: by a key, from the cache)
party         the tickets of one request: followed, hung up and left as one (outcome: a whole answer)
relay         a job's events to one client, in its dialect (choices: of several jobs in one stream)
standing      the headers of a job that was just accepted
deserted      what becomes of a job whose caller has gone (disconnect: what the caller wants of that)
turn          the place of a question and its answer in a thread
vectors       one ask for many vectors, as several jobs
pace          how long tokens may be gathered (numbers: whole numbers in headers)
"""
