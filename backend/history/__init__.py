"""What stays of a job: every API process records ended jobs, whoever let them in or served them."""
