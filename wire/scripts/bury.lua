-- ARGV: stream entry job -> 1: an entry that does not decode becomes a dead letter
call('XADD', P .. ':dead', 'MINID', '~', horizon(DEAD_KEEP_MS), '*', 'job', ARGV[3], 'why', 'undecodable', 'stream', ARGV[1], 'entry', ARGV[2])
return 1
