-- Fields, records and versions in turn, in the order of the names' bytes. KEYS: data, names. ARGV: lower bound, upper bound, how
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
local asked = {}
for number, field in ipairs(fields) do
  asked[2 * number - 1] = field
  asked[2 * number] = 'v' .. field
end
local held = redis.call('HMGET', data, unpack(asked))
local answer = {}
for number, field in ipairs(fields) do
  local record, version = held[2 * number - 1], held[2 * number]
  if not (record and version) then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  end
  answer[3 * number - 2] = field
  answer[3 * number - 1] = record
  answer[3 * number] = version
end
return answer
