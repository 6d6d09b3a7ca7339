"""What is done to jobs in Redis, each step whole or not at all: Lua scripts.

Under the prefix lie, of a job: ``job:ID``, a hash of ``record`` (the job as accepted, JSON), ``status``, ``done``
(pairs), ``key`` (of its idempotency key), ``message`` (its id in the stream), ``runner`` and ``starts`` (who runs it,
and how often it was begun), and once it has ended ``end`` (the job, JSON), ``result`` (zlib), its ``size``, and
``ender``; ``input:ID``; and ``key:DIGEST``, an idempotency key. Of all jobs: ``jobs``, ``jobs:STATUS`` (sorted by
acceptance), ``jobs:expiry`` and ``jobs:stream``. Changes are announced over the channel ``jobs:changes``: ``ID``, or
``-ID`` for a job that was removed.

A script's first write is one that a full Redis refuses, so that nothing is half done there. Keys are made within the
scripts: a Redis Cluster is not what they are for.
"""

from __future__ import annotations

from nedc_bench.evaluation.cache import PREFIX

STREAM = f"{PREFIX}jobs:stream"
CHANGES = f"{PREFIX}jobs:changes"
GROUP = "replicas"
RETURNED = "returned"  # the consumer that holds what was handed back

_PRELUDE = (
    f"""
local P, STREAM, CHANGES, GROUP, RETURNED = '{PREFIX}', '{STREAM}', '{CHANGES}', '{GROUP}', '{RETURNED}'
"""
    """
local STATUSES = {'pending', 'running', 'completed', 'failed'}
local function job(id) return P .. 'job:' .. id end
local function input(id) return P .. 'input:' .. id end
local function ended(status) return status == 'completed' or status == 'failed' end
local function microseconds() local time = redis.call('TIME') return time[1] * 1000000 + time[2] end
local function keep(id, milliseconds)
  redis.call('PEXPIRE', job(id), milliseconds)
  redis.call('PEXPIRE', input(id), milliseconds)
  local key = redis.call('HGET', job(id), 'key')
  if key then redis.call('PEXPIRE', key, milliseconds) end
  redis.call('ZADD', P .. 'jobs:expiry', microseconds() / 1000 + milliseconds, id)
end
local function enter(id, status)
  for _, other in ipairs(STATUSES) do redis.call('ZREM', P .. 'jobs:' .. other, id) end
  redis.call('HSET', job(id), 'status', status)
  redis.call('ZADD', P .. 'jobs:' .. status, redis.call('ZSCORE', P .. 'jobs', id) or microseconds(), id)
  redis.call('PUBLISH', CHANGES, id)
end
local function unlist(id)
  redis.call('ZREM', P .. 'jobs', id)
  redis.call('ZREM', P .. 'jobs:expiry', id)
  for _, status in ipairs(STATUSES) do redis.call('ZREM', P .. 'jobs:' .. status, id) end
end
"""
)

ACCEPT = (
    _PRELUDE
    + """
local id, record, content, message, most, milliseconds, key, digest = unpack(ARGV)
if redis.call('EXISTS', P .. 'refused:' .. id) == 1 then return {'refused'} end
if redis.call('EXISTS', job(id)) == 1 then return {'accepted'} end
if key ~= '' then
  local known = redis.call('HMGET', key, 'job', 'digest')
  if known[1] and redis.call('EXISTS', job(known[1])) == 1 then return {'known', known[1], known[2]} end
end
if redis.call('ZCARD', P .. 'jobs:pending') >= tonumber(most) then return {'full'} end
redis.call('HSET', job(id), 'record', record, 'done', 0, 'starts', 0)
redis.call('SET', input(id), content)
if key ~= '' then
  redis.call('HSET', job(id), 'key', key)
  redis.call('HSET', key, 'job', id, 'digest', digest)
end
redis.call('ZADD', P .. 'jobs', microseconds(), id)
enter(id, 'pending')
redis.call('HSET', job(id), 'message', redis.call('XADD', STREAM, '*', 'data', message))
keep(id, milliseconds)
return {'accepted'}
"""
)

BEGIN = (
    _PRELUDE
    + """
local id, runner, milliseconds = unpack(ARGV)
local status = redis.call('HGET', job(id), 'status')
if not status or ended(status) then return false end
if redis.call('HGET', job(id), 'runner') ~= runner then
  redis.call('HSET', job(id), 'runner', runner, 'done', 0)
  redis.call('HINCRBY', job(id), 'starts', 1)
  enter(id, 'running')
  keep(id, milliseconds)
end
return redis.call('HMGET', job(id), 'record', 'starts')
"""
)

LOAD = (
    _PRELUDE
    + """
local id, most = unpack(ARGV)
local found = redis.call('HMGET', job(id), 'record', 'status', 'done', 'end', 'size')
found[6] = found[5] and tonumber(found[5]) <= tonumber(most) and redis.call('HGET', job(id), 'result')
return found
"""
)

REQUEST = (
    _PRELUDE
    + """
local id, most = unpack(ARGV)
local size = redis.call('STRLEN', input(id))
return {size, size <= tonumber(most) and redis.call('GET', input(id))}
"""
)

PROGRESS = (
    _PRELUDE
    + """
local id, runner, done = unpack(ARGV)
local now = redis.call('HMGET', job(id), 'status', 'runner')
if now[1] ~= 'running' or now[2] ~= runner then return 0 end
redis.call('HSET', job(id), 'done', done)
redis.call('PUBLISH', CHANGES, id)
return 1
"""
)

END = (
    _PRELUDE
    + """
local id, runner, record, status, result, milliseconds = unpack(ARGV)
local now = redis.call('HMGET', job(id), 'status', 'ender')
if not now[1] then return 0 end
if ended(now[1]) then return now[2] == runner and 1 or 0 end
redis.call('HSET', job(id), 'end', record, 'ender', runner)
if result ~= '' then redis.call('HSET', job(id), 'result', result, 'size', #result) end
keep(id, milliseconds)
enter(id, status)
return 1
"""
)

GIVE_BACK = (
    _PRELUDE
    + """
local id, runner = unpack(ARGV)
local now = redis.call('HMGET', job(id), 'status', 'runner')
if now[1] ~= 'running' or now[2] ~= runner then return 0 end
redis.call('HINCRBY', job(id), 'starts', -1)
redis.call('HSET', job(id), 'done', 0, 'runner', '')
enter(id, 'pending')
return 1
"""
)

FORGET = (
    _PRELUDE
    + """
local id, refuse_milliseconds = unpack(ARGV)
local known = redis.call('HMGET', job(id), 'status', 'key', 'message')
redis.call('DEL', job(id), input(id))
unlist(id)
if known[2] and redis.call('HGET', known[2], 'job') == id then redis.call('DEL', known[2]) end
if known[3] then
  redis.pcall('XACK', STREAM, GROUP, known[3])
  redis.call('XDEL', STREAM, known[3])
end
if tonumber(refuse_milliseconds) > 0 then redis.call('SET', P .. 'refused:' .. id, '', 'PX', refuse_milliseconds) end
redis.call('PUBLISH', CHANGES, '-' .. id)
return known[1]
"""
)

PRUNE = (
    _PRELUDE
    + """
local now = microseconds() / 1000
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'jobs:expiry', '-inf', now, 'LIMIT', 0, 1000)) do
  local left = redis.call('PTTL', job(id))
  if left > 0 then redis.call('ZADD', P .. 'jobs:expiry', now + left, id) else unlist(id) end
end
return 1
"""
)

LIST = (
    _PRELUDE
    + """
local status, offset, limit = unpack(ARGV)
local all = P .. 'jobs' .. (status == '' and '' or ':' .. status)
local found = {redis.call('ZCARD', all)}
for _, id in ipairs(redis.call('ZREVRANGE', all, offset, offset + limit - 1)) do
  found[#found + 1] = redis.call('HMGET', job(id), 'record', 'status', 'done', 'end')
end
return found
"""
)

WAITING = (
    _PRELUDE
    + """
local oldest = redis.call('ZRANGE', P .. 'jobs:pending', 0, 0, 'WITHSCORES')
local age = oldest[2] and math.max(0, microseconds() - oldest[2]) or 0
return {redis.call('ZCARD', P .. 'jobs:pending'), math.floor(age / 1000)}
"""
)

HOLD = (
    _PRELUDE
    + """
local consumer, lost = table.remove(ARGV, 1), {}
for _, message in ipairs(ARGV) do
  local held = redis.call('XPENDING', STREAM, GROUP, message, message, 1, consumer)
  if #held == 1 then
    redis.call('XCLAIM', STREAM, GROUP, consumer, 0, message, 'JUSTID')
  else
    lost[#lost + 1] = message
  end
end
return lost
"""
)

ACKNOWLEDGE = (
    _PRELUDE
    + """
redis.call('XACK', STREAM, GROUP, ARGV[1])
return redis.call('XDEL', STREAM, ARGV[1])
"""
)

HAND_BACK = (
    _PRELUDE
    + """
local consumer, idle = unpack(ARGV)
for _, held in ipairs(redis.call('XPENDING', STREAM, GROUP, '-', '+', 1000, consumer)) do
  redis.call('XCLAIM', STREAM, GROUP, RETURNED, 0, held[1], 'IDLE', idle, 'JUSTID')
end
if #redis.call('XPENDING', STREAM, GROUP, '-', '+', 1, consumer) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', STREAM, GROUP, consumer)
end
return 1
"""
)

SWEEP = (
    _PRELUDE
    + """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', STREAM, GROUP)) do
  local name, pending, idle = consumer[2], consumer[4], consumer[6]
  if pending == 0 and idle > tonumber(ARGV[1]) then redis.call('XGROUP', 'DELCONSUMER', STREAM, GROUP, name) end
end
return 1
"""
)
