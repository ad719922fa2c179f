"""The schema's steps, oldest first; `backend/store/migrate.py` walks them, `tables.py` is where the last one leads.

**Expand first, contract a release later.** During a rollout, and after one that is taken back, processes of two
releases share one database. So a step of a release may only add: a table, an index, a column that may be NULL or has a
default of the *server's*. What a release no longer uses is dropped by a step of the release after it. A renamed column
takes three releases: add it and write both, read the new one, drop the old one.

Steps are numbered `0001`, `0002`, … A process takes its own number and every later one for good.

To write one, change `tables.py`, add `versions/<what>_<number>.py` with `upgrade` and `downgrade`, and set `NEWEST` in
`migrate.py`; the tests compare what the steps make with `tables.py`, on SQLite and on PostgreSQL. SQLite changes a
column by building its table anew: use `op.batch_alter_table`, which PostgreSQL takes as well.
"""
