"""SQL: the tables, one engine a process, and the migrations. Nothing but repositories speaks it."""
