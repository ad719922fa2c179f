-- -> 1. It writes nothing, yet Redis refuses it exactly when it would refuse `accept`: full, or unable to write its
-- file.
return 1
