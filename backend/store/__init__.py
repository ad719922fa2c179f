"""SQL: the tables and their rows, one engine a process, and the migrations. Repositories alone write statements."""
