-- Names and records in turn, in the order of the names' bytes. KEYS: records, names. ARGV: lower bound, how many.
-- Refused by a replica, like a load.
redis.call('PERSIST', KEYS[1])
local answer = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])) do
  local held = redis.call('HGET', KEYS[1], name)
  if not held then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  end
  answer[#answer + 1] = name
  answer[#answer + 1] = held
end
return answer
