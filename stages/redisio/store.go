package redisio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weir-go/weir/primitives/store"
)

// Store is a [store.Store] and a [store.Watcher] in Redis, so that breakers, deduplicators and
// limiters of many processes share their state.
//
// An entry is a hash; writes are scripts, which Redis runs one at a time. Ages and revisions come
// from the clock of the server. A revision is at least the microseconds since 1970, so a server
// that has lost its data uses none twice, unless its clock runs back meanwhile.
//
// Watch uses Pub/Sub, on a connection of its own. In a cluster all keys of the store are in one
// slot, that of its prefix.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	channel string // prefix of the channels of Pub/Sub, which all databases of a server share
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Watcher = (*Store)(nil)
)

// NewStore returns the store whose keys begin with prefix, such as "breakers". The caller owns the
// client. Stores in other databases of the server are other stores.
func NewStore(client redis.UniversalClient, prefix string) *Store {
	s := &Store{client: client, prefix: "{" + prefix + "}:"}
	s.channel = s.prefix
	if c, ok := client.(*redis.Client); ok && c != nil && c.Options().DB != 0 {
		s.channel = strconv.Itoa(c.Options().DB) + s.prefix
	}
	return s
}

// loadScript returns the entries of KEYS as quadruples: key, revision, value and age in µs.
var loadScript = redis.NewScript(`
local t = redis.call('TIME')
local out = {}
for _, k in ipairs(KEYS) do
  local e = redis.call('HMGET', k, 'r', 'v', 's', 'u')
  if e[1] then
    local age = (t[1] - e[3]) * 1000000 + (t[2] - e[4])
    out[#out+1] = {k, e[1], e[2], math.max(0, age)}
  end
end
return out`)

// setScript writes the entry KEYS[1] if its revision is ARGV[1]: the value ARGV[2] for ARGV[3] ms.
// KEYS[2] is the counter of revisions, and ARGV[4] the channel to which the write is published. It
// returns the new revision as a text, or "". Lua's numbers are too small for 64-bit revisions, so
// commands change the counter. The counter is never deleted: without it a revision could be used
// twice.
var setScript = redis.NewScript(`
local now = redis.call('HGET', KEYS[1], 'r') or '0'
if now ~= ARGV[1] then return '' end
local t = redis.call('TIME')
local clock = t[1] .. string.format('%06d', t[2])
local last = redis.call('GET', KEYS[2]) or '0'
if #last < #clock or (#last == #clock and last < clock) then
  redis.call('SET', KEYS[2], clock)
else
  redis.call('INCR', KEYS[2])
end
local r = redis.call('GET', KEYS[2])
redis.call('HSET', KEYS[1], 'r', r, 'v', ARGV[2], 's', t[1], 'u', t[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[4], r .. ' ' .. ARGV[2])
return r`)

// counter is the key of the counter: no key of an entry is empty.
func (s *Store) counter() string { return s.prefix }

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, key string) (store.Entry, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Entry{}, err
	}
	entries, err := s.load(ctx, []string{s.prefix + key})
	if err != nil || len(entries) == 0 {
		return store.Entry{}, failure(ctx, "load", key, err)
	}
	return entries[0], nil
}

func (s *Store) load(ctx context.Context, keys []string) ([]store.Entry, error) {
	if len(keys) == 0 || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	rows, err := loadScript.Run(ctx, s.client, keys).Slice()
	if err != nil {
		return nil, err
	}
	entries := make([]store.Entry, len(rows))
	for i, row := range rows {
		fields, ok := row.([]any)
		if !ok || len(fields) != 4 {
			return nil, fmt.Errorf("redisio: unexpected reply %v", row)
		}
		revision, err := strconv.ParseUint(fields[1].(string), 10, 64)
		if err != nil {
			return nil, err
		}
		entries[i] = store.Entry{
			Key:      strings.TrimPrefix(fields[0].(string), s.prefix),
			Revision: revision,
			Value:    []byte(fields[2].(string)),
			Age:      time.Duration(fields[3].(int64)) * time.Microsecond,
		}
	}
	return entries, nil
}

// listSize is the number of keys that one step of List reads.
const listSize = 500

// List implements [store.Store]. It scans the keys of the server, so it is for servers with few
// other keys, or for seldom use, as the fleet does.
func (s *Store) List(ctx context.Context, folder string) ([]store.Entry, error) {
	if err := store.CheckFolder(folder); err != nil {
		return nil, err
	}
	keys, err := s.keys(ctx, folder)
	var entries []store.Entry
	for len(keys) > 0 && err == nil {
		some := keys[:min(listSize, len(keys))]
		keys = keys[len(some):]
		var more []store.Entry
		more, err = s.load(ctx, some)
		entries = append(entries, more...)
	}
	if err != nil {
		return nil, failure(ctx, "list", folder, err)
	}
	return entries, nil
}

// keys returns the keys of a folder. A scan can return a key more than once.
func (s *Store) keys(ctx context.Context, folder string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	seen, keys := map[string]bool{}, []string(nil)
	var client redis.Cmdable = s.client
	if cluster, ok := s.client.(*redis.ClusterClient); ok { // all keys are in one slot
		master, err := cluster.MasterForKey(ctx, s.prefix)
		if err != nil {
			return nil, err
		}
		client = master
	}
	scan := client.Scan(ctx, 0, pattern(s.prefix+folder), listSize).Iterator()
	for scan.Next(ctx) {
		if k := scan.Val(); k != s.counter() && !seen[k] {
			seen[k], keys = true, append(keys, k)
		}
	}
	return keys, scan.Err()
}

// pattern returns the pattern of all that begins with a text.
func pattern(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text) + "*"
}

// CompareAndSet implements [store.Store]. A ttl is rounded up to milliseconds.
func (s *Store) CompareAndSet(ctx context.Context, key string, revision uint64, value []byte, ttl time.Duration) (uint64, error) {
	if err := store.CheckKey(key); err != nil {
		return 0, err
	}
	if ttl <= 0 {
		return 0, &store.Error{Op: "compare and set", Key: key, Err: store.ErrTTL}
	}
	if err := ctx.Err(); err != nil {
		return 0, failure(ctx, "compare and set", key, err)
	}
	ms := (ttl-1)/time.Millisecond + 1
	text, err := setScript.Run(ctx, s.client, []string{s.prefix + key, s.counter()}, revision, value, int64(ms), s.channel+key).Text()
	switch {
	case err != nil:
		return 0, failure(ctx, "compare and set", key, err)
	case text == "":
		return 0, &store.Error{Op: "compare and set", Key: key, Err: store.ErrConflict}
	}
	return strconv.ParseUint(text, 10, 64)
}

// failure returns the error of a call, nil if there is none.
func failure(ctx context.Context, op, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(ctx.Err(), err)
	}
	return &store.Error{Op: op, Key: key, Err: err}
}
