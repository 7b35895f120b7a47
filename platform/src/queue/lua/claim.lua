-- ARGV: now, worker, max, lease (ms), then `max` tokens.
-- Answers {next in ms or -1, id, waited in ms, cancelled, id, …}.
-- Removes before it adds, throughout: after its first write a script is let through on a Redis that is
-- full, so a full queue can still be worked off.
local worker, max, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
-- Of each kind promoted per call: a hundred take well under a millisecond, and the next call goes on.
local BATCH = 100

-- The clock went back: bring what lies beyond the horizon back to it.
local function draw_in(key)
  local last = call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
  if last[2] and tonumber(last[2]) > now + HORIZON then
    local far = call('ZRANGEBYSCORE', key, '(' .. whole(now + HORIZON), '+inf', 'LIMIT', 0, BATCH)
    call('ZREM', key, unpack(far))
    for _, id in ipairs(far) do
      call('ZADD', key, whole(now + HORIZON), id)
    end
  end
end

-- Makes ready what has come due; it waits since then. Says whether there may be more.
local function promote(key, front)
  local due = call('ZRANGEBYSCORE', key, '-inf', whole(now), 'WITHSCORES', 'LIMIT', 0, BATCH)
  if #due == 0 then
    return false
  end
  local ids, times = {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    times[due[i]] = tonumber(due[i + 1])
  end
  call('ZREM', key, unpack(ids))
  local list = load_all(ids)
  for _, t in ipairs(list) do
    t.at = times[t.id]
  end
  make_ready(list, front)
  return #ids == BATCH
end

draw_in(DELAYED)
draw_in(LEASES)
local more_delayed = promote(DELAYED, false)
local more_expired = promote(LEASES, true)

local popped = call('ZPOPMIN', READY, max)
local ids = {}
for i = 1, #popped, 2 do
  ids[#ids + 1] = popped[i]
end
local answer = { -1 }
local lanes, records, leases, tags = {}, {}, {}, {}
for i, t in ipairs(load_all(ids)) do
  lanes[i] = lane_member(t)
  tags[t.band] = math.max(tags[t.band] or 0, tonumber(t.tag))
  answer[3 * i - 1], answer[3 * i], answer[3 * i + 1] = t.id, math.max(0, now - t.at), tonumber(t.cancel)
  t.state, t.tag, t.at, t.token, t.worker = 'l', '0', now, ARGV[4 + i], worker
  records[2 * i - 1], records[2 * i] = t.id, pack(t)
  leases[2 * i - 1], leases[2 * i] = whole(now + lease), t.id
end
if #ids > 0 then
  call('ZREM', SINCE, unpack(ids))
end
if #lanes > 0 then
  call('ZREM', LANES, unpack(lanes))
  call('HSET', TASKS, unpack(records))
  call('ZADD', LEASES, unpack(leases))
end
-- What each band has come to; a band without tasks has no history.
for band, tag in pairs(tags) do
  if band_is_empty(band) then
    call('HDEL', VIRTUAL, band)
  elseif tag > tonumber(call('HGET', VIRTUAL, band) or BASE) then
    call('HSET', VIRTUAL, band, whole(tag))
  end
end

if #ids == 0 then
  -- Nothing to do, for anybody: no word needs to wait.
  call('DEL', WAKE)
  for _, key in ipairs({ DELAYED, LEASES }) do
    local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if first[2] then
      local left = math.max(0, tonumber(first[2]) - now)
      answer[1] = answer[1] < 0 and left or math.min(answer[1], left)
    end
  end
elseif call('LLEN', WAKE) == 0 and (more_delayed or more_expired or call('EXISTS', READY) == 1) then
  -- There is more than this worker took: pass the word on.
  wake(1)
end
return answer
