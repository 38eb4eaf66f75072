-- A stretch of the record of events, newest first: where to go on or '', then places and events in turn.
-- KEYS: events, index. ARGV: index prefix, upper bound, how many to look at, how many to find, the first time,
-- the first time no more, and a kind with its length or ''.
local look, find = tonumber(ARGV[3]), tonumber(ARGV[4])
local since, till, kind = ARGV[5], ARGV[6], ARGV[7]
-- Refused by a replica, like a load.
redis.call('PERSIST', KEYS[2])
local members = redis.call('ZREVRANGEBYLEX', KEYS[2], ARGV[2], '[' .. ARGV[1], 'LIMIT', 0, look)
local answer = { '' }
for number, member in ipairs(members) do
  local place = string.sub(member, -16)
  local event = redis.call('HGET', KEYS[1], place)
  if not event then
    return redis.error_reply('MFALOST an event is gone that was not erased')
  end
  local at = string.sub(event, 1, 20)
  if at >= since and at < till and (kind == '' or string.sub(event, 44, 43 + #kind) == kind) then
    answer[#answer + 1] = place
    answer[#answer + 1] = event
  end
  if #answer > 2 * find or number == look then
    answer[1] = place
    return answer
  end
end
return answer
