package redisio

import "github.com/redis/go-redis/v9"

// Each script is atomic. KEYS[1] is the stream. KEYS[2] is the sorted set of the entries that were
// handed back, by the time in milliseconds at which they are due.

// claimScript takes up to ARGV[3] entries for ARGV[2] of the group ARGV[1]:
//
//   - entries that were handed back and are due;
//   - unless ARGV[5] is "", entries that have been idle for ARGV[4] ms, from the cursor ARGV[5] on.
//     It leaves out entries that were handed back and are not due.
//
// It returns three values. The first is the next cursor, "" at the end. The second is the time in
// ms until the next entry is due, -1 for none. The third is the entries with their counts of
// deliveries. XCLAIM without JUSTID counts a delivery. If an entry is no longer in the stream,
// XCLAIM or XAUTOCLAIM removes it from the pending ones, and the script removes it from the set.
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

// releaseScript hands back entries for the member ARGV[2] of the group ARGV[1]. The further
// arguments are triples of id, count of deliveries and delay in ms. It leaves out entries that
// another member has.
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

// renewScript resets the idle time of entries of the member ARGV[2] of the group ARGV[1]. The
// further arguments are pairs of id and count of deliveries. It returns the ids of entries that the
// member has lost.
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

// buryScript moves an entry to the stream of dead letters, KEYS[3]. ARGV is the group, the id, the
// reason and the count of deliveries. It does not move an entry that does not exist any more.
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

// leaveScript removes members of the group ARGV[1] without pending entries: the member ARGV[2], and
// all members that have been idle for ARGV[3] ms. A member with pending entries stays, because
// otherwise these would be lost.
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
