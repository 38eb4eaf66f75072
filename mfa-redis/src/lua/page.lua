-- Fields and records in turn, in the order of the names' bytes. KEYS: data, names. ARGV: lower bound, upper bound, how
-- many.
local data, names = KEYS[1], KEYS[2]
-- Refused by a replica, like a load.
redis.call('PERSIST', data)
if redis.call('ZCARD', names) ~= tonumber(redis.call('HGET', data, ':count') or 0) then
  return redis.error_reply('MFALOST a record is gone that was not erased')
end
local fields = redis.call('ZRANGEBYLEX', names, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
if #fields == 0 then
  return fields
end
local answer = {}
for number, held in ipairs(redis.call('HMGET', data, unpack(fields))) do
  -- Nothing is `false`, on which no loop over a list ends.
  if not held then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  end
  answer[2 * number - 1] = fields[number]
  answer[2 * number] = held
end
return answer
