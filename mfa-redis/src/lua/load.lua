-- A record and its version, or nothing twice, for which a plain read has not found both. KEYS: data, names. ARGV: the
-- record's field.
-- PERSIST changes nothing, but a replica refuses it: what it holds may be older than what was answered "done".
redis.call('PERSIST', KEYS[1])
local held = redis.call('HMGET', KEYS[1], ARGV[1], 'v' .. ARGV[1])
if not (held[1] and held[2]) and (held[1] or held[2] or redis.call('ZSCORE', KEYS[2], ARGV[1])) then
  return redis.error_reply('MFALOST a record is gone that was not erased')
end
return held
