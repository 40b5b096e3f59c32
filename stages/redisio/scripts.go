package redisio

import "github.com/redis/go-redis/v9"

// The scripts. Each is atomic. KEYS[1] is the stream, KEYS[2] the sorted set of the entries that
// were handed back, by the time when they are due in milliseconds.

// claimScript takes entries for ARGV[2] of the group ARGV[1], ARGV[3] at most:
//   - those that were handed back and are due;
//   - those that have been idle for ARGV[4] ms, from the cursor ARGV[5] on, unless that is "". An
//     entry that was handed back and is not due is left alone.
//
// It returns the next cursor ("" at the end), the time in ms until the next entry is due (-1 for
// none), and the entries with their counts of deliveries. XCLAIM without JUSTID counts a delivery.
// An entry that is no longer in the stream is taken from the pending ones by XCLAIM or
// XAUTOCLAIM, and from the set here.
var claimScript = redis.NewScript(`
local key, set, group, me, n = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local out = {}
local function take(id)
  local got = redis.call('XCLAIM', key, group, me, 0, id)
  redis.call('ZREM', set, id)
  if got[1] then
    local p = redis.call('XPENDING', key, group, id, id, 1)
    out[#out+1] = {id, p[1][4], got[1][2]}
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, n)) do take(id) end
local cursor = ARGV[5]
if cursor ~= '' and #out < n then
  local got = redis.call('XAUTOCLAIM', key, group, me, ARGV[4], cursor, 'COUNT', n - #out, 'JUSTID')
  cursor = got[1]
  if cursor == '0-0' then cursor = '' end
  for _, id in ipairs(got[2]) do
    if not redis.call('ZSCORE', set, id) then take(id) end
  end
end
local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
local next = -1
if first[2] then next = math.max(0, first[2] - now) end
return {cursor, next, out}`)

// releaseScript hands entries back for the member ARGV[2] of the group ARGV[1]: triples of id,
// count of deliveries and delay in ms. An entry that another member has is left alone.
var releaseScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 3, #ARGV, 3 do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if p and p[2] == ARGV[2] and p[4] == tonumber(ARGV[i+1]) then
    redis.call('ZADD', KEYS[2], now + ARGV[i+2], ARGV[i])
  end
end
return 0`)

// renewScript has entries of the member ARGV[2] of the group ARGV[1] look busy: pairs of id and
// count of deliveries. It returns the ids of those that the member has no longer.
var renewScript = redis.NewScript(`
local lost = {}
for i = 3, #ARGV, 2 do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if p and p[2] == ARGV[2] and p[4] == tonumber(ARGV[i+1]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost+1] = ARGV[i]
  end
end
return lost`)

// buryScript moves an entry to the stream of dead letters, KEYS[3]: ARGV is the group, the id, the
// reason and the count of deliveries. An entry that is gone already is not moved.
var buryScript = redis.NewScript(`
local e = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not e or redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('XADD', KEYS[3], '*', 'weir-id', ARGV[2], 'weir-reason', ARGV[3], 'weir-deliveries', ARGV[4], unpack(e[2]))
return 1`)

// replayScript moves dead letters, KEYS[2], back to the end of the stream: ARGV are their ids.
var replayScript = redis.NewScript(`
local n = 0
for _, id in ipairs(ARGV) do
  local e = redis.call('XRANGE', KEYS[2], id, id)[1]
  if e then
    local fields = {}
    for i = 7, #e[2] do fields[#fields+1] = e[2][i] end
    if #fields > 0 then redis.call('XADD', KEYS[1], '*', unpack(fields)) end
    redis.call('XDEL', KEYS[2], id)
    n = n + 1
  end
end
return n`)

// leaveScript removes members of the group ARGV[1] that have nothing pending: the member ARGV[2],
// and all that have been idle for ARGV[3] ms. A member with pending entries stays, or they would
// be lost.
var leaveScript = redis.NewScript(`
local n = 0
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local f = {}
  for i = 1, #c, 2 do f[c[i]] = c[i+1] end
  if f.pending == 0 and (f.name == ARGV[2] or f.idle > tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name)
    n = n + 1
  end
end
return n`)
