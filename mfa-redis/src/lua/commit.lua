-- Writes a record and its events if the version is the expected one: 1, or 0 for a conflict.
-- KEYS: records, names, position, events, index.
-- ARGV: name, expected version or '', the new value, the index prefix of the record, then for each event its
-- index prefix by kind and its value.
local name, expected = ARGV[1], ARGV[2]
local held = redis.call('HGET', KEYS[1], name)
local named = redis.call('ZSCORE', KEYS[2], name)
-- A script that fails half way keeps what it has written: so each key is read, which fails if it is of another
-- type, before the first of them is written.
redis.call('GET', KEYS[3])
redis.call('HLEN', KEYS[4])
redis.call('ZCARD', KEYS[5])
if not held and named then
  return redis.error_reply('MFALOST a record is gone that was not erased')
end
-- As text: a Lua number has 53 bits, a version 62.
local version = ''
if held then
  version = string.match(held, '^(%d+) ')
  if not version then
    return redis.error_reply('MFAUNREADABLE a record has no version')
  end
end
if version ~= expected then
  return 0
end
local count = (#ARGV - 4) / 2
local position = 0
if count > 0 then
  position = redis.call('INCRBY', KEYS[3], count) - count
end
redis.call('HSET', KEYS[1], name, ARGV[3])
if not named then
  redis.call('ZADD', KEYS[2], 0, name)
end
for number = 1, count do
  local by_kind, event = ARGV[3 + 2 * number], ARGV[4 + 2 * number]
  local place = string.format('%016.0f', position + number)
  redis.call('HSET', KEYS[4], place, event)
  redis.call('ZADD', KEYS[5], 0, 'a' .. place, 0, ARGV[4] .. place, 0, by_kind .. place)
end
return 1
