-- ARGV: engine|model -> 1: it had failures | 0. It answered: a circuit without failures is none.
return call('HDEL', P .. ':circuits', ARGV[1])
