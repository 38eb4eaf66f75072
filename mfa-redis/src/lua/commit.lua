-- Writes records with their events, each if its version is the expected one. For each in turn: 1; 0 for a conflict; 2 if
-- a record is gone that was not erased; 3 if what is there has no version.
-- KEYS: data, names. ARGV, five for each: the record's field, expected version or '', next version, the record, and its
-- events or ''.
-- Lua reads every byte of a text that it hasn't seen before: records are neither read nor put together here.
local data, names = KEYS[1], KEYS[2]
local fields = {}
for at = 1, #ARGV, 5 do
  fields[#fields + 1] = 'v' .. ARGV[at]
end
local writes = #fields
fields[writes + 1] = ':place'
local held = redis.call('HMGET', data, unpack(fields))
local last, placed = held[writes + 1] or 0, false
local count, whole
local written, added, set, size, answers = {}, {}, {}, 0, {}
for turn = 1, writes do
  local at, field = 5 * turn - 4, fields[turn]
  local before = written[field] or held[turn]
  -- As text: a Lua number has 53 bits, a version 62.
  local version, newest, answer = '', '0', 0
  if before then
    version, newest = string.match(before, '^(%d+) (%d+)$')
    if not version then
      answer = 3
    end
  else
    count = count or tonumber(redis.call('HGET', data, ':count') or 0)
    whole = whole or redis.call('ZCARD', names)
    if whole ~= count or redis.call('ZSCORE', names, ARGV[at]) then
      answer = 2
    end
  end
  if answer == 0 and version == ARGV[at + 1] then
    answer = 1
    if not before then
      added[#added + 1] = 0
      added[#added + 1] = ARGV[at]
    end
    local events, place = ARGV[at + 4], newest
    if events ~= '' then
      last, placed = last + 1, true
      place = string.format('%.0f', last)
      set[size + 1] = 'e' .. place
      set[size + 2] = newest .. events
      size = size + 2
    end
    local after = ARGV[at + 2] .. ' ' .. place
    written[field] = after
    set[size + 1] = field
    set[size + 2] = after
    set[size + 3] = ARGV[at]
    set[size + 4] = ARGV[at + 3]
    size = size + 4
  end
  answers[turn] = answer
end
-- A script that fails half way keeps what it has written: by now nothing of what follows can fail, and all of it is one
-- command unless a record is new.
if size > 0 then
  if #added > 0 then
    redis.call('ZADD', names, unpack(added))
    set[size + 1] = ':count'
    set[size + 2] = string.format('%.0f', count + #added / 2)
    size = size + 2
  end
  if placed then
    set[size + 1] = ':place'
    set[size + 2] = string.format('%.0f', last)
  end
  redis.call('HSET', data, unpack(set))
end
return answers
