-- ARGV: stream entry job -> 1: an entry that does not decode becomes a dead letter
bury(ARGV[1], ARGV[2], ARGV[3])
return 1
