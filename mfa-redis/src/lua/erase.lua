-- Removes a record and its events. KEYS: records, names, position, events, index. ARGV: name, its index prefix.
-- The position is left: a place in the record of events is never given twice.
local name, prefix = ARGV[1], ARGV[2]
-- Each key is read before the first is written, as in the other script that writes.
redis.call('HLEN', KEYS[1])
redis.call('ZCARD', KEYS[2])
redis.call('GET', KEYS[3])
redis.call('HLEN', KEYS[4])
redis.call('ZCARD', KEYS[5])
redis.call('PERSIST', KEYS[1])
while true do
  -- ':' comes after '9': up to the last place there can be.
  local found = redis.call('ZRANGEBYLEX', KEYS[5], '[' .. prefix, '(' .. prefix .. ':', 'LIMIT', 0, 500)
  if #found == 0 then
    break
  end
  for _, member in ipairs(found) do
    local place = string.sub(member, -16)
    local event = redis.call('HGET', KEYS[4], place)
    if event then
      local kind_length = tonumber(string.sub(event, 44, 51))
      redis.call('ZREM', KEYS[5], 'k' .. string.sub(event, 44, 51 + kind_length) .. place)
      redis.call('HDEL', KEYS[4], place)
    end
    redis.call('ZREM', KEYS[5], 'a' .. place, member)
  end
end
redis.call('ZREM', KEYS[2], name)
redis.call('HDEL', KEYS[1], name)
return 1
