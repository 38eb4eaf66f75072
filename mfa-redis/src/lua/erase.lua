-- Removes a record and its events. KEYS: data, names. ARGV: the record's field.
-- The newest place is left: a place is never given twice.
local data, names, field = KEYS[1], KEYS[2], ARGV[1]
-- Everything is read before the first write, as in the other script that writes.
local record, held = unpack(redis.call('HMGET', data, field, 'v' .. field))
local count = tonumber(redis.call('HGET', data, ':count') or 1)
redis.call('ZSCORE', names, field)
local gone = { field, 'v' .. field }
if record and not held then
  return redis.error_reply('MFALOST a record is there without its version')
end
if held then
  local place = string.match(held, '^%d+ (%d+)$')
  if not place or not count then
    return redis.error_reply('MFAUNREADABLE a record has no version, or there is no count')
  end
  while place ~= '0' do
    gone[#gone + 1] = 'e' .. place
    local older = string.match(redis.call('HGET', data, 'e' .. place) or '', '^%d+')
    if not older or tonumber(older) >= tonumber(place) then
      return redis.error_reply('MFALOST an event is gone that was not erased')
    end
    place = older
  end
end
-- Refused by a replica, also where there is nothing to remove.
redis.call('PERSIST', data)
for first = 1, #gone, 1000 do
  redis.call('HDEL', data, unpack(gone, first, math.min(first + 999, #gone)))
end
redis.call('ZREM', names, field)
if held then
  redis.call('HSET', data, ':count', count - 1)
end
return 1
