-- A record, or nothing, for which a plain read has found nothing. KEYS: data, names. ARGV: the record's field.
-- PERSIST changes nothing, but a replica refuses it: what it holds may be older than what was answered "done".
redis.call('PERSIST', KEYS[1])
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held and redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return redis.error_reply('MFALOST a record is gone that was not erased')
end
return held
