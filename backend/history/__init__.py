"""The history of ended jobs in SQL: every API process records, whichever process let a job in or served it.

finished    the wire's stream of ended jobs
recorder    reads them, has all books written in one transaction, acknowledges them
reader      reads from Redis how they ended
books/      what is written of them, a file for each subject
"""
