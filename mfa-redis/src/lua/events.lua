-- A stretch of the events, newest first: where to go on or '', then in turn places and what was written there, which may
-- hold more than was asked for.
-- KEYS: data, names. ARGV: a record's field and its name as the events have it, or '' twice; where to begin or ''; how
-- many places to look at, how many to find; the first time, the first time no more; a kind with its length or ''.
local data, names, field, owner = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local from, look, find = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local since, till, kind = ARGV[6], ARGV[7], ARGV[8]
-- Refused by a replica, like a load.
redis.call('PERSIST', data)
local head = '^(%d+) (%d+) (%d+) ()'
local place
if field == '' then
  local held = redis.call('HMGET', data, ':place', ':count')
  if redis.call('ZCARD', names) ~= tonumber(held[2] or 0) then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  end
  place = tonumber(held[1] or 0)
else
  local held = redis.call('HGET', data, 'v' .. field)
  if held then
    place = tonumber(string.match(held, '^%d+ (%d+)$'))
  elseif redis.call('ZSCORE', names, field) then
    return redis.error_reply('MFALOST a record is gone that was not erased')
  else
    place = 0
  end
end
if not place then
  return redis.error_reply('MFAUNREADABLE a record has no version')
end
if from and from < place then
  local there = field ~= '' and redis.call('HGET', data, string.format('e%.0f', from))
  local _, _, _, at = string.match(there or '', head)
  -- A place of somebody else is no link of this record's chain, which is then followed from its newest.
  if field == '' or (at and string.sub(there, at, at + #owner - 1) == owner) then
    place = from
  end
end
local answer = { '' }
while place > 0 do
  local digits = string.format('%.0f', place)
  if look == 0 or #answer > 2 * find then
    answer[1] = digits
    break
  end
  look = look - 1
  local there = redis.call('HGET', data, 'e' .. digits)
  local older, first, last, at = string.match(there or '', head)
  if at and not (from and place > from) and last >= since and first < till
    and (kind == '' or string.find(there, kind, at, true)) then
    answer[#answer + 1] = digits
    answer[#answer + 1] = there
  end
  if field == '' then
    place = place - 1
  elseif at and tonumber(older) < place then
    place = tonumber(older)
  else
    return redis.error_reply('MFALOST an event is gone that was not erased')
  end
end
return answer
