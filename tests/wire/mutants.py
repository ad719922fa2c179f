"""Deliberate faults in the scripts: each is one replaced text, and the model test must find every one of them.

A fault that the model does not find is a behaviour that nothing tests: strengthen the model, never the mutant.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.wire.model import model_scripts, run_model
from tests.wire.sync_wire import Refused, SyncWire

# The hardest of them needs 16 seeds. Many short runs find a rare fault sooner than a long one does.
SEEDS = 40
SEQUENCES = 30

EVERY = "*"  # the shared files, in each script that has them


class Mutant(NamedTuple):
    """`script` says `new` where it said `old`; EVERY: all scripts that say it do."""

    script: str
    old: str
    new: str


FENCE = "redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] .. '@' .. ARGV[1]"
FENCE_HELD = "if h[1] ~= f then"
LAST_IS_ATTEMPT = "last(j) == number(h[3])"
SLOT_FREED = "    put('SREM', P .. ':owned:' .. h[1], j)\n"
RETURNED = "call('ZADD', P .. ':front:' .. c, number(h[3], 0), j)\n  end"
REQUEUED = "'state', 'queued', 'owner', '', 'fence', '', 'by', by, 'note', why)"
ENDED = "'state', state, 'owner', '', 'fence', '', 'note', '', 'why', why, 'by', by, 'end', id)"
TURN_AGAIN = "if call('ZCARD', q) > 0 then take_a_turn(c, t) end"
IDLE_GIVEN = "if call('SCARD', P .. ':owned:' .. w) >= number"
SWEEP = "if peek('HGET', job_key(j), 'entry') ~= e[1] then"
IMPATIENT = "if h[3] and t - number(h[3], t) >= PASS_OVER_MS then"
GIVEN = "      give_or_end(j, only or best_worker(m, affinity, idle), m, affinity)\n"

MUTANTS: dict[str, Mutant] = {
    # the fence
    "emit looks at the attempt only": Mutant(
        "emit", FENCE, "string.match(redis.call('HGET', KEYS[1], 'fence'), '%d*') ~= ARGV[2]"
    ),
    "emit looks at the owner only": Mutant(
        "emit", FENCE, "string.match(redis.call('HGET', KEYS[1], 'fence'), '@(.*)') ~= ARGV[1]"
    ),
    "emit looks at nothing": Mutant("emit", FENCE, "false"),
    "emit is not repeatable": Mutant("emit", "'equal or smaller'", "'no such error'"),
    "emit takes an id of its own": Mutant(
        "emit", "redis.pcall('XADD', KEYS[2], id,", "redis.pcall('XADD', KEYS[2], '*',"
    ),
    "emit does not publish": Mutant("emit", "redis.call('PUBLISH', KEYS[3], id .. ' ' .. ARGV[4])", ""),
    "emit publishes a repeated event": Mutant(
        "emit", "then return 1 end", "then redis.call('PUBLISH', KEYS[3], id .. ' ' .. ARGV[4]) return 1 end"
    ),
    "start needs no fence": Mutant("start", "if call('HGET', k, 'fence') ~= f then return {0} end", ""),
    "start is not repeatable": Mutant("start", "if a ~= tonumber(ARGV[3]) then", "if true then"),
    "start says nothing": Mutant("start", "  log_event(j, ARGV[3] .. '-0', ARGV[4])\n", ""),
    "start at seq 1": Mutant("start", "ARGV[3] .. '-0'", "ARGV[3] .. '-1'"),
    "what is told is not published": Mutant(EVERY, "  call('PUBLISH', P .. ':live:' .. j, id .. ' ' .. body)\n", ""),
    "what is told is not logged": Mutant(EVERY, "local added = redis.pcall('XADD', k, id, 'e', body)", "local added"),
    "what is told begins the log anew": Mutant(
        EVERY, "  if type(added) == 'table' then\n    call('DEL', k)", "  if true then\n    call('DEL', k)"
    ),
    "start leaves no mark": Mutant("start", "mark(j, 'started:' .. ARGV[3], ARGV[2])", ""),
    "start answers nothing new after a lost reply": Mutant(
        "start", "if a ~= tonumber(ARGV[3]) then", "if a == tonumber(ARGV[3]) then return {0} else"
    ),
    "note needs no fence": Mutant("note", FENCE, "false"),
    "note is not kept": Mutant("note", "redis.call('HSET', KEYS[1], 'note', ARGV[3])", ""),
    "note is not published": Mutant("note", "redis.call('PUBLISH', KEYS[2], '- ' .. ARGV[4])", ""),
    "note outlives its attempt": Mutant(EVERY, "'fence', a .. '@' .. w, 'note', '',", "'fence', a .. '@' .. w,"),
    # finish
    "finish needs no fence": Mutant("finish", FENCE_HELD, "if h[1] == '' then"),
    "finish does not match the freed slot": Mutant("finish", "match()\nreturn 1", "return 1"),
    "finish accepts a gap": Mutant("finish", "then return -1 end", "then ARGV[4] = s + 1 end"),
    "finish overwrites": Mutant("finish", "if tonumber(ARGV[4]) ~= s + 1", "if tonumber(ARGV[4]) > s + 1"),
    "finish is not repeatable": Mutant("finish", "if h[2] == f then return 1 end", ""),
    "finish drops the result": Mutant("finish", "call('HSET', job_key(j), 'result', ARGV[8])", ""),
    "finish forgets the dead letter": Mutant("finish", "if ARGV[9] == '1'", "if false"),
    "finish always writes a dead letter": Mutant("finish", "if ARGV[9] == '1'", "if true"),
    "an ended job keeps its slot": Mutant(EVERY, SLOT_FREED, ""),
    "an ended job's slot is not offered": Mutant(EVERY, "    offer(h[1])\n", ""),
    "an ended job keeps its owner": Mutant(EVERY, ENDED, ENDED.replace("'owner', '', ", "")),
    "an ended job keeps its fence": Mutant(EVERY, ENDED, ENDED.replace("'fence', '', ", "")),
    "an ended job keeps its note": Mutant(EVERY, ENDED, ENDED.replace("'note', '', ", "")),
    "an ended job stays in demand": Mutant(EVERY, "redis.pcall('XDEL', P .. ':demand', h[5] or '')", ""),
    "an ended job keeps its deadline": Mutant(
        EVERY, "  call('ZREM', P .. ':due', j)\n  call('HSET', k, 'state', state", "  call('HSET', k, 'state', state"
    ),
    "an ended job stays queued": Mutant(EVERY, "if h[6] == 'queued' then dequeue(j, h[3] or '', h[4] or '') end", ""),
    "an ended job's bytes stay counted": Mutant(EVERY, "  weigh(-number(h[10], 0))\n", ""),
    "an ended job keeps its request": Mutant(EVERY, "call('HSET', k, 'request', h[9])", ""),
    "an ended job loses a request that is needed": Mutant(EVERY, "if (h[9] or '') ~= '' and why", "if why"),
    "a job that leaves the pool loses its request": Mutant(
        EVERY, "if (h[9] or '') ~= '' and why ~= 'rerouted'", "if (h[9] or '') ~= ''"
    ),
    "an ended job lives for ever": Mutant(EVERY, "call('PEXPIRE', k, keep)", ""),
    "a log lives for ever": Mutant(EVERY, "call('PEXPIRE', P .. ':events:' .. j, keep)", ""),
    "an ended job lives a day, whatever was said": Mutant(EVERY, "math.max(1, number(h[8], KEEP_MS))", "KEEP_MS"),
    "the end leaves no mark": Mutant(EVERY, "mark(j, 'ended', state)", ""),
    "the end is not recorded": Mutant(
        EVERY, "append(P .. ':finished', 'MINID', '~', horizon(KEEP_MS), '*', 'job', j, 'state', state)", ""
    ),
    "the end takes the attempt's number": Mutant(EVERY, "id = id or end_id(j,", "id = id or (h[2] .. '-1') or ("),
    "the end of a job that came from elsewhere is its first": Mutant(
        EVERY, "if a == 0 and base > 0 then", "if false then"
    ),
    "the end of a job that came from elsewhere is behind its log": Mutant(
        EVERY, "if a == 0 and base > 0 then", "if base > 0 then"
    ),
    "a job that came from elsewhere starts anew": Mutant("accept", "'attempt', ARGV[14]", "'attempt', 0"),
    # what comes back
    "give_back is always charged": Mutant("give_back", "if queued and ARGV[5] == '1'", "if queued"),
    "give_back is never charged": Mutant("give_back", "if queued and ARGV[5] == '1'", "if false"),
    "give_back charges a job that has ended": Mutant("give_back", "if queued and ARGV[5]", "if ARGV[5]"),
    "give_back to the back": Mutant(
        EVERY,
        RETURNED,
        "enqueue(j, h[2], call('HGET', k, 'tenant'), 9999)\n  end",
    ),
    "give_back goes on asking": Mutant(
        "give_back", "call('HSET', P .. ':worker:' .. w, 'asking', 0)\ncall('ZREM', P .. ':idle', w)", "offer(w)"
    ),
    "give_back stays idle": Mutant("give_back", "'asking', 0)\ncall('ZREM', P .. ':idle', w)", "'asking', 0)"),
    "give_back keeps the fence": Mutant(EVERY, REQUEUED, REQUEUED.replace("'fence', '', ", "")),
    "give_back keeps the owner": Mutant(EVERY, REQUEUED, REQUEUED.replace("'owner', '', ", "")),
    "give_back does not match": Mutant("give_back", "match()\nreturn 1", "return 1"),
    "give_back is not repeatable": Mutant("give_back", "if h[2] == 'back ' .. f then return 1 end", ""),
    "give_back needs no fence": Mutant("give_back", FENCE_HELD, "if h[1] == '' then"),
    "a returned job keeps its slot": Mutant(EVERY, "  put('SREM', P .. ':owned:' .. (h[1] or ''), j)\n", ""),
    "what failed goes to the front": Mutant("give_back", "ARGV[5] == '1' or ARGV[8] == '1')", "ARGV[8] == '1')"),
    "what goes behind uncharged goes to the front": Mutant(
        "give_back", "ARGV[5] == '1' or ARGV[8] == '1')", "ARGV[5] == '1')"
    ),
    "what is interrupted goes behind": Mutant("give_back", "ARGV[5] == '1' or ARGV[8] == '1')", "true)"),
    "a lost worker's jobs go behind": Mutant("reap", "requeue(j, '', 'worker_lost')", "requeue(j, '', '', true)"),
    "what goes behind keeps its number": Mutant(
        EVERY, "local n = next_arrival()\n    call", "local n = h[3]\n    call"
    ),
    "what goes behind forgets its number": Mutant(EVERY, "'n', n, 'behind', 1)", "'behind', 1)"),
    "what goes behind goes before others": Mutant(EVERY, "'n', n, 'behind', 1)", "'n', n)"),
    "what suits goes before others, wherever it was put": Mutant(EVERY, "== 1 and not behind[i]", "== 1"),
    "what goes behind gets no turn": Mutant(
        EVERY, "enqueue(j, c, h[5] or '', n)", "call('ZADD', P .. ':waiting:' .. c .. ':' .. h[5], n, j)"
    ),
    "a return leaves no mark": Mutant(EVERY, "mark(j, 'returned:' .. (h[4] or ''), why)", ""),
    "a return gives no reason": Mutant(EVERY, REQUEUED, REQUEUED.replace("'note', why", "'note', ''")),
    "unstarted gives are not bounded": Mutant(EVERY, ">= MAX_UNSTARTED then", ">= 1000 then"),
    "one more unstarted give": Mutant(EVERY, ">= MAX_UNSTARTED then", "> MAX_UNSTARTED then"),
    "started gives count as unstarted": Mutant(EVERY, "if last(j) ~= number(h[4]) and ", "if "),
    "a job that never started leaves no dead letter": Mutant(EVERY, "dead_letter(j, 'never_started')", ""),
    "one try more": Mutant(EVERY, "if tries < number(", "if tries <= number("),
    "out of tries without a dead letter": Mutant(EVERY, "  dead_letter(j, code)\n", ""),
    # reap
    "reap without compare-and-set": Mutant("reap", "if b ~= ARGV[2] then return 0 end", ""),
    "reap is not repeatable": Mutant("reap", "if not b then return 1 end", "if not b then return 0 end"),
    "reap charges unstarted jobs": Mutant("reap", LAST_IS_ATTEMPT, "true"),
    "reap never charges": Mutant("reap", LAST_IS_ATTEMPT, "false"),
    "reap charges what any attempt started": Mutant("reap", LAST_IS_ATTEMPT, "last(j) > 0"),
    "reap charges a job that has ended": Mutant("reap", "if queued and started", "if started or not queued"),
    "reap keeps the inbox": Mutant("reap", ", P .. ':inbox:' .. w)", ")"),
    "reap keeps the worker": Mutant("reap", "call('DEL', P .. ':worker:' .. w, ", "call('DEL', "),
    "a life stays in beats": Mutant("reap", "  call('HDEL', P .. ':beats', w)\n", ""),
    "reap does not match": Mutant("reap", "match()\nreturn 1", "return 1"),
    # the two sides meet
    "match gives once": Mutant(
        EVERY,
        GIVEN,
        GIVEN + "      if true then return end\n",
    ),
    "match forgets a worker with a free slot": Mutant(EVERY, IDLE_GIVEN, "if true or call('SCARD', '') >= number"),
    "match overfills": Mutant(EVERY, IDLE_GIVEN, IDLE_GIVEN.replace(">=", ">")),
    "the stalest worker first": Mutant(
        EVERY,
        "call('ZREVRANGE', P .. ':idle', 0, CANDIDATES - 1, 'WITHSCORES')",
        "call('ZRANGE', P .. ':idle', 0, CANDIDATES - 1, 'WITHSCORES')",
    ),
    "the busiest worker first": Mutant(EVERY, "or owned < fewest", "or owned > fewest"),
    "the last of equals first": Mutant(EVERY, "or owned < fewest", "or owned <= fewest"),
    "the freshest worker, however busy": Mutant(EVERY, "if not fewest or owned < fewest", "if not fewest"),
    "a worker that missed beats": Mutant(EVERY, "if tonumber(idle[i + 1]) >= fresh then", "if true then"),
    "no worker where all missed beats": Mutant(
        EVERY, "if not names[1] then return idle[1] end", "if not names[1] then return end"
    ),
    "one candidate more": Mutant(EVERY, "CANDIDATES - 1", "CANDIDATES"),
    "one candidate only": Mutant(EVERY, "local only = #idle == 2 and idle[1] or nil", "local only = idle[1]"),
    "give keeps the attempt": Mutant(EVERY, "'attempt', 1 + lives *", "'attempt', lives *"),
    "a restart may repeat an attempt": Mutant(EVERY, "1 + lives * EPOCH_ATTEMPTS", "1"),
    "a restart is counted with each give": Mutant(EVERY, "if lives > 0 then call('HSET'", "if false then call('HSET'"),
    "a restart is not noticed": Mutant(EVERY, "if h[1] == run then", "if h[1] then"),
    "a restart is noticed for ever": Mutant(EVERY, "call('HSET', P .. ':clock', 'run', run)", ""),
    "a new job is older than the server": Mutant("accept", "local e = epoch() --", "local e = 1 --"),
    "give leaves no mark": Mutant(EVERY, "mark(j, 'given:' .. a, w)", ""),
    "give does not say which model": Mutant(EVERY, "'attempt', a, 'model', m)", "'attempt', a, 'model', '')"),
    # warm and loaded, from a job's side
    "conversations are forgotten": Mutant(
        EVERY, "local w = affinity ~= '' and peek('GET'", "local w = false and peek('GET'"
    ),
    "the warm worker, however silent": Mutant(EVERY, "if seen and tonumber(seen) >= fresh and", "if seen and"),
    "the warm worker, however busy": Mutant(EVERY, "if seen and tonumber(seen) >= fresh", "if w"),
    "the warm worker, though it let the model go": Mutant(
        EVERY, "and call('SISMEMBER', P .. ':loaded:' .. w, m) == 1 then return w end", "then return w end"
    ),
    "who has the model does not count": Mutant(EVERY, "holders[1] and holders or names", "names"),
    "only who has the model near counts": Mutant(EVERY, "if answer[1] or #names < CANDIDATES then", "if true then"),
    "who has the model far counts as much": Mutant(EVERY, "if answer[1] or #names < CANDIDATES then", "if false then"),
    "the stalest of those who have the model": Mutant(
        EVERY, "'WEIGHTS', 1, 0, 'WITHSCORES')", "'WEIGHTS', -1, 0, 'WITHSCORES')"
    ),
    "a give does not count as loading": Mutant(EVERY, "local held = hold(w, m)", "local held = false"),
    "a worker's models are not found by model": Mutant(
        EVERY, "if new then put('SADD', P .. ':holders:' .. m, w) end", ""
    ),
    "a model that is let go is still found": Mutant(EVERY, "put('SREM', P .. ':holders:' .. m, w)", ""),
    "a model that is let go is still had": Mutant(EVERY, "put('SREM', P .. ':loaded:' .. w, m)", ""),
    "what is loaded is not heard of": Mutant(EVERY, "    hold(w, m)\n", ""),
    "what is loaded no more is kept": Mutant(EVERY, "if not loaded[m] then", "if false then"),
    "who says nothing has nothing loaded": Mutant(
        EVERY, "local list = decoded(names)", "local list = decoded(names) or {}"
    ),
    "register drops what is loaded": Mutant("register", "learn_loaded(w, ARGV[4])", ""),
    "beat drops what is loaded": Mutant("beat", "learn_loaded(w, ARGV[4])", ""),
    "reap keeps what was loaded": Mutant("reap", "learn_loaded(w, '[]')", ""),
    "finish believes in a model that was not there": Mutant("finish", "forget_loading(j, ARGV[2], ARGV[7])", ""),
    "give_back believes in a model that did not fit": Mutant("give_back", "forget_loading(j, w, ARGV[6])", ""),
    "every failure lets the model go": Mutant(EVERY, "if NOT_LOADED[code] then", "if code ~= '' then"),
    "nobody learns who had a conversation": Mutant(EVERY, "'PX', WARM_MS, 'GET')", "'PX', WARM_MS, 'NX', 'GET')"),
    "a conversation is remembered for ever": Mutant(EVERY, "'PX', WARM_MS, 'GET')", "'GET')"),
    "route: all are loaded": Mutant(EVERY, "return had == w and 'warm' or 'loaded'", "return 'loaded'"),
    "route: warm without the model": Mutant(EVERY, "if held then return had", "if held or had == w then return had"),
    "route: all are free at once": Mutant(EVERY, "j == arriving and 'idle' or 'queue'", "'idle'"),
    "route: all waited": Mutant(EVERY, "j == arriving and 'idle' or 'queue'", "'queue'"),
    "nobody arrives": Mutant("accept", "arriving = j\n", ""),
    # and from a freed worker's
    "a freed worker takes the oldest": Mutant(
        EVERY, "local j = jobs[2] and favourite(jobs, w) or jobs[1]", "local j = jobs[1]"
    ),
    "one job more to choose from": Mutant(EVERY, "w and CLOSE - 1 or 0", "w and CLOSE or 0"),
    "passed over for ever": Mutant(EVERY, IMPATIENT, "if false then"),
    "passed over a millisecond more": Mutant(EVERY, ">= PASS_OVER_MS then", "> PASS_OVER_MS then"),
    "passed over once": Mutant(EVERY, IMPATIENT, "if h[3] then"),
    "nobody marks who is passed over": Mutant(EVERY, "redis.pcall('HSETNX', job_key(jobs[i]), 'passed', t)", ""),
    "each passing begins the wait anew": Mutant(EVERY, "pcall('HSETNX', job_key", "pcall('HSET', job_key"),
    "who is taken counts as passed over": Mutant(EVERY, "for i = 1, chosen - 1 do", "for i = 1, chosen do"),
    "loaded before warm": Mutant(EVERY, "local chosen = warmest or nearest or 1", "local chosen = nearest or 1"),
    "warm alone counts": Mutant(EVERY, "local chosen = warmest or nearest or 1", "local chosen = warmest or 1"),
    "warm without what it was held for": Mutant(EVERY, "if suits and had[i] == w then", "if had[i] == w then"),
    "the youngest that suits": Mutant(EVERY, "for i = #models, 1, -1 do", "for i = 1, #models do"),
    "what is chosen waits on": Mutant(EVERY, "call('ZREM', q, j)\n      if", "call('ZREM', q, jobs[1])\n      if"),
    # the fair queue
    "a tenant loses its turn": Mutant(EVERY, TURN_AGAIN, ""),
    "a tenant keeps its turn": Mutant(
        EVERY, TURN_AGAIN, TURN_AGAIN.replace("take_a_turn(c, t)", "call('ZADD', P .. ':ring:' .. c, 0, t)")
    ),
    "batch before interactive": Mutant(EVERY, "{'interactive', 'batch'}", "{'batch', 'interactive'}"),
    "an empty tenant keeps its turn": Mutant(
        EVERY, "if call('ZCARD', q) == 0 then call('ZREM', P .. ':ring:' .. c, t) end", ""
    ),
    "a tenant moves back with each job": Mutant(
        EVERY, "if call('ZCARD', q) == 1 then take", "call('ZREM', P .. ':ring:' .. c, t) if true then take"
    ),
    "tenants by name, not in turn": Mutant(EVERY, "(tonumber(last[2]) or 0) + 1, t)", "1, t)"),
    "a tenant's latest job first": Mutant(EVERY, "put('ZADD', q, n, j)", "put('ZADD', q, -n, j)"),
    "returned jobs by name": Mutant(EVERY, RETURNED, RETURNED.replace("number(h[3], 0)", "1")),
    "returned jobs last": Mutant(
        EVERY,
        "    if returned[1] then return returned[1] end\n",
        "    if returned[1] and call('ZCARD', P .. ':ring:' .. c) == 0 then return returned[1] end\n"
        "    if returned[1] then call('ZADD', P .. ':front:' .. c, returned[2], returned[1]) end\n",
    ),
    # clients
    "accept is not repeatable": Mutant("accept", "if call('EXISTS', job_key(j)) == 1 then return {'ok'} end", ""),
    "accept without depth": Mutant("accept", "then return {'full', 'depth'} end", "then end"),
    "accept one job more": Mutant("accept", ">= tonumber(ARGV[6])", "> tonumber(ARGV[6])"),
    "accept without a tenant's bound": Mutant("accept", "then return {'full', 'tenant'} end", "then end"),
    "accept counts one class only": Mutant("accept", "waiting = waiting + number(peek(", "waiting = number(peek("),
    "accept without a bound of bytes": Mutant("accept", "then return {'full', 'bytes'} end", "then end"),
    "accept refuses the last byte": Mutant(EVERY, "return total + bytes > most", "return total + bytes >= most"),
    "accept counts jobs that have ended": Mutant(EVERY, "total = weigh_anew() end", "total = total end"),
    "accept counts bytes at every refusal": Mutant(EVERY, "and math.abs(now() - counted) >= RECOUNT_MS", ""),
    "accept does not count its bytes": Mutant("accept", "weigh(#ARGV[11])\n", ""),
    "accept counts what no script wrote": Mutant(EVERY, "if h[1] == e[1] then sum = sum", "if true then sum = sum"),
    "an empty pool keeps what was counted": Mutant(
        "expire", "== 0 then call('DEL', P .. ':bytes') end", "== 0 then end"
    ),
    "accept by a stepped clock": Mutant("accept", "if stepped(ARGV[8]) then return {'stepped'} end", ""),
    "accept by raw time": Mutant("accept", "local at = now()", "local at = raw()"),
    "accept forgets who asked": Mutant("accept", "'principal', ARGV[18] or ''", "'principal', ''"),
    "accept does not match": Mutant("accept", "match()\nreturn {'ok'}", "return {'ok'}"),
    "accept sets no deadline": Mutant("accept", "call('ZADD', P .. ':due', due, j)", ""),
    "cancel does not tell the owner": Mutant("cancel", "if by == '' then", "if false then"),
    "finish tells the owner too": Mutant("finish", "if by == '' then", "if true then"),
    "cancel does not match": Mutant("cancel", "  match()\n  s =", "  s ="),
    "cancel an ended job": Mutant("cancel", "if s == 'queued' or s == 'running' then", "if s then"),
    "cancel waiting jobs only": Mutant("cancel", "if s == 'queued' or s == 'running' then", "if s == 'queued' then"),
    "cancel answers what was": Mutant("cancel", "  s = 'cancelled'\n", ""),
    "places count from the end": Mutant("places", "rank = call('ZRANK'", "rank = call('ZREVRANK'"),
    "places miss the front": Mutant("places", "{c, call('ZCARD', P .. ':front:' .. c), tenants}", "{c, 0, tenants}"),
    "places take the front for waiting": Mutant("places", "front = rank and 1 or 0", "front = 0"),
    "places by name": Mutant(
        "places", "call('ZRANGE', P .. ':ring:' .. c, 0, -1)", "call('SORT_RO', P .. ':ring:' .. c, 'ALPHA')"
    ),
    "places say nothing of why": Mutant("places", "h[4] or ''}", "''}"),
    # what is wiped, and what is in trouble
    "forget a job that lives": Mutant("forget", "if s == 'queued' or s == 'running' then return s end", ""),
    "forget a job that waits": Mutant("forget", "if s == 'queued' or s == 'running'", "if s == 'running'"),
    "forget what nobody knows": Mutant("forget", "if not s then return '' end", ""),
    "what was asked is not forgotten": Mutant("forget", "'request', 'result')", "'result')"),
    "what was answered is not forgotten": Mutant("forget", "'request', 'result')", "'request')"),
    "what was said is not forgotten": Mutant("forget", "call('DEL', P .. ':events:' .. ARGV[1])", ""),
    "nobody knows what was forgotten": Mutant("forget", "call('HSET', k, 'forgotten', 1)", ""),
    "one failure more opens a circuit": Mutant("trip", "c.failures >= OPEN_AT", "c.failures > OPEN_AT"),
    "a failed probe opens nothing": Mutant("trip", "c.state == 'half_open' or (", "("),
    "each failure opens anew": Mutant("trip", "(c.state == 'closed' and c.failures", "(c.failures"),
    "a job speaks each time that it fails": Mutant("trip", "if known == j then return false end", ""),
    "one tenant's jobs open a circuit": Mutant("trip", "return #jobs < OPEN_AT or", "return true or"),
    "one tenant's jobs count one more": Mutant("trip", "return #jobs < OPEN_AT or", "return #jobs <= OPEN_AT or"),
    "all tenants are one": Mutant("trip", "peek('HGET', job_key(j), 'tenant')", "''"),
    "who probes is not heard": Mutant("trip", "if j == '' or c.state ~= 'closed' then", "if j == '' then"),
    "nobody is to blame": Mutant("trip", "if counts(ARGV[3] or '')", "if counts('')"),
    "trip does not count": Mutant("trip", "c.failures + 1", "1"),
    "trip keeps the first reason": Mutant("trip", "ARGV[2]\n", "c.reason or ARGV[2]\n"),
    "a circuit is open since it was looked at": Mutant("trip", "'open', now()", "'open', raw() + 1"),
    "a circuit is kept for ever": Mutant("trip", "call('PEXPIRE', k, KEEP_MS)", ""),
    "mend mends nothing": Mutant("mend", "call('HDEL', P .. ':circuits', ARGV[1])", "1"),
    "mend mends all": Mutant("mend", "call('HDEL', P .. ':circuits', ARGV[1])", "call('DEL', P .. ':circuits')"),
    "probe what is closed": Mutant("probe", "if c.state == 'closed' or", "if not c.opened or"),
    "probe too soon": Mutant("probe", "or now() - math.max(c.opened, c.probed) < PROBE_MS", ""),
    "everybody probes": Mutant("probe", "math.max(c.opened, c.probed)", "c.opened"),
    "a probe a millisecond later": Mutant("probe", "< PROBE_MS then", "<= PROBE_MS then"),
    "a probe leaves no trace": Mutant("probe", "call('HSET', k, ARGV[1], cjson.encode(c))", ""),
    "a starting worker is not told of trouble": Mutant("start", "number(peek('HLEN', P .. ':circuits'), 0)", "0"),
    # workers
    "beat revives the dead": Mutant("beat", "pcall(whole and answer or error)", "pcall(answer)"),
    "beat is not seen": Mutant("beat", "call('HSET', P .. ':worker:' .. w, 'seen', t)", ""),
    "beat does not freshen": Mutant("beat", "call('ZADD', P .. ':idle', 'XX', t, w)", ""),
    "beat makes it idle": Mutant("beat", "call('ZADD', P .. ':idle', 'XX', t, w)", "call('ZADD', P .. ':idle', t, w)"),
    "beat trims the whole inbox": Mutant("beat", "'MINID', ARGV[2])", "'MAXLEN', 0)"),
    "beat never trims": Mutant("beat", "if ARGV[2] ~= '' then call('XTRIM'", "if false then call('XTRIM'"),
    "beat drops the news": Mutant("beat", "if ARGV[3] ~= '' then", "if false then"),
    "beat drops the models": Mutant("beat", "learn_models(5)", "learn_models(7)"),
    "ask revives the dead": Mutant("ask", "if call('HEXISTS', P .. ':beats', w) == 0 then return 0 end", ""),
    "ask does not match": Mutant("ask", "  offer(w)\n  match()\n", "  offer(w)\n"),
    "ask with full slots": Mutant(
        EVERY, "and number(peek('SCARD', P .. ':owned:' .. w), 0) < number(h[2], 0)", "and h[2]"
    ),
    "ask no more is not heeded": Mutant("ask", "else\n  call('ZREM', P .. ':idle', w)\nend", "end"),
    "ask is not seen": Mutant("ask", ", 'seen', now())", ")"),
    "register again starts anew": Mutant(
        "register",
        "if call('HSETNX', P .. ':beats', w, 1) == 1 then",
        "call('HINCRBY', P .. ':beats', w, 1) if true then",
    ),
    "register drops the models": Mutant("register", "learn_models(5)", "learn_models(7)"),
    # models that nobody has any more
    "models are kept for ever": Mutant("expire", "sweep_models(ARGV[2])", ""),
    "models of the day are forgotten": Mutant(EVERY, "now() - KEEP_MS, 'BYSCORE'", "now(), 'BYSCORE'"),
    "models are forgotten by raw time": Mutant(EVERY, "now() - KEEP_MS, 'BYSCORE'", "raw() - KEEP_MS, 'BYSCORE'"),
    "all old models at once": Mutant(EVERY, "'BYSCORE', 'LIMIT', 0, limit)", "'BYSCORE', 'LIMIT', 0, 100)"),
    "any number of models": Mutant(EVERY, "if over > 0 then forget", "if false then forget"),
    "one model more": Mutant(EVERY, "':seen') - MODELS_KEPT", "':seen') - MODELS_KEPT - 1"),
    "the youngest of too many are forgotten": Mutant(
        EVERY, "call('ZRANGE', P .. ':seen', 0, math.min(over, limit) - 1)", "call('ZRANGE', P .. ':seen', -1, -1)"
    ),
    "a model is told of once": Mutant(
        EVERY, "call('ZADD', P .. ':seen', now(), ARGV[i])", "call('ZADD', P .. ':seen', 'NX', now(), ARGV[i])"
    ),
    "an older version's models are kept for ever": Mutant(
        EVERY, "if call('HLEN', P .. ':models') > call('ZCARD', P .. ':seen') then", "if false then"
    ),
    "an older version's models are always new": Mutant(
        EVERY, "if not call('ZSCORE', P .. ':seen', m) then", "if m then"
    ),
    "an older version's models are any number": Mutant(
        EVERY, "if over > 0 then\n        call('HDEL'", "if false then\n        call('HDEL'"
    ),
    "an older version's models go before their time": Mutant(EVERY, "      over = over - 1\n", ""),
    "a model is forgotten and its time is not": Mutant(EVERY, "call('ZREM', P .. ':seen', m)", ""),
    "a model's time is forgotten and it is not": Mutant(
        EVERY, "    call('HDEL', P .. ':models', m)\n    call('ZREM'", "    call('ZREM'"
    ),
    # watchers
    "expire by raw time": Mutant("expire", "'-inf', now(), 'LIMIT'", "'-inf', raw(), 'LIMIT'"),
    "expire by a stepped clock": Mutant("expire", "if stepped(ARGV[1]) then return -1 end", ""),
    "expire without a limit": Mutant("expire", "'LIMIT', 0, ARGV[2])", "'LIMIT', 0, 100)"),
    "expire waiting jobs only": Mutant(
        "expire",
        "for _, j in ipairs(due) do\n",
        "for _, j in ipairs(due) do if call('HGET', job_key(j), 'state') ~= 'queued' then break end\n",
    ),
    "expire does not match": Mutant("expire", "match()\nreturn #due", "return #due"),
    "expire does not sweep": Mutant("expire", SWEEP, "if false then"),
    "expire sweeps all": Mutant("expire", SWEEP, "if true then"),
    "expire sweeps unknown jobs only": Mutant("expire", SWEEP, "if call('EXISTS', job_key(j)) == 0 then"),
    "expire sweeps without saying what": Mutant("expire", "bury('demand', e[1], j)", "bury('demand', '', j)"),
    "expire sweeps the youngest end": Mutant(
        "expire",
        "call('XRANGE', P .. ':demand', '-', '+', 'COUNT', 3)",
        "call('XREVRANGE', P .. ':demand', '+', '-', 'COUNT', 3)",
    ),
    "bury says nothing": Mutant(EVERY, "'why', 'undecodable', ", ""),
    "step without compare-and-set": Mutant("step", "then return 0 end", "then end"),
    "step is not counted": Mutant("step", "string.format('%d', steps + 1)", "string.format('%d', steps)"),
    "step the wrong way": Mutant(EVERY, "return raw() - number", "return raw() + number"),
    "look shows corrected time": Mutant("look", "return {raw(),", "return {now(),"),
}

# What random sequences meet too seldom: more idle workers than are compared, and of those that have the model some that
# are silent, or more than are looked at. tests/wire/test_policy.py kills these by hand.
FAR = {
    "who has the model, however silent": Mutant(EVERY, "if tonumber(all[i + 1]) >= fresh then", "if true then"),
    "any who has the model far": Mutant(EVERY, "math.max(1, #all - 2 * CANDIDATES), -2", "1, -2"),
}


def mutate(name: str) -> dict[str, str]:
    """The model's scripts with that one fault. Fails where the scripts no longer say, once, what it replaces."""
    mutant = MUTANTS[name]
    texts = model_scripts()
    hit = [s for s, text in texts.items() if mutant.script in (EVERY, s) and mutant.old in text]
    assert hit, f"mutant {name!r} changes nothing: no script says {mutant.old!r}"
    assert all(texts[s].count(mutant.old) == 1 for s in hit), f"mutant {name!r} changes more than one place"
    assert mutant.old != mutant.new, f"mutant {name!r} is none"
    return {s: text.replace(mutant.old, mutant.new) if s in hit else text for s, text in texts.items()}


def killed_by(port: int, name: str | None, database: int = 0, seeds: int = SEEDS) -> str | None:
    """Run the model against that fault: what it found, in one line, or None where the mutant survived.

    `name` None: the scripts as they are, in which it must find nothing, else it would kill every mutant.
    """
    texts = mutate(name) if name else model_scripts()
    # Channels know no databases, so the pool has a name of its own too.
    wire = SyncWire(port, texts, pool=f"model{database}", database=database)
    try:
        for seed in range(seeds):
            run_model(wire, SEQUENCES, seed + 1, shrink=False)
    except (AssertionError, Refused) as found:  # anything else is not the mutant's doing
        return f"{type(found).__name__}: {str(found).splitlines()[0]}"
    finally:
        wire.close()
    return None
