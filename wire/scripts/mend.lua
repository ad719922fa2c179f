-- The engine has answered, so its circuit is deleted. ARGV: engine|model -> 1: it had failures | 0
return call('HDEL', P .. ':circuits', ARGV[1])
