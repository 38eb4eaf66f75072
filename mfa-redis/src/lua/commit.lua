-- Writes a record and its events if the version is the expected one: 1, or 0 for a conflict.
-- KEYS: data, names. ARGV: the record's field, expected version or '', next version, the record, and what there is of
-- events.
local data, names, field, expected = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local held = redis.call('HMGET', data, field, ':place')
-- As text: a Lua number has 53 bits, a version 62.
local version, newest = '', '0'
local count
if held[1] then
  version, newest = string.match(held[1], '^(%d+) (%d+) ')
  if not version then
    return redis.error_reply('MFAUNREADABLE a record has no version')
  end
else
  count = tonumber(redis.call('HGET', data, ':count') or 0)
  if redis.call('ZSCORE', names, field) or redis.call('ZCARD', names) ~= count then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  end
end
if version ~= expected then
  return 0
end
-- A script that fails half way keeps what it has written: by now nothing of what follows can fail, and all of it is one
-- command unless the record is new.
local place = newest
if ARGV[5] then
  place = string.format('%.0f', (held[2] or 0) + 1)
end
if count then
  redis.call('ZADD', names, 0, field)
  redis.call('HSET', data, ':count', count + 1)
end
local record = ARGV[3] .. ' ' .. place .. ' ' .. ARGV[4]
if ARGV[5] then
  redis.call('HSET', data, field, record, ':place', place, 'e' .. place, newest .. ARGV[5])
else
  redis.call('HSET', data, field, record)
end
return 1
