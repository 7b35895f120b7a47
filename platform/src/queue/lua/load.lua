-- ARGV: now, how far ahead (ms). Answers for the tasks of clients, then for those in the background:
-- ready, leased, due within that time, ms the oldest ready one waits (or -1); then who has a task.
local BACKGROUND = 101
-- Tasks of each kind that are looked at one by one; those beyond count as clients'. A page takes a
-- fraction of a millisecond.
local LOOKED_AT, PAGE = 20000, 500

local function kind(t)
  return tonumber(t.band) >= BACKGROUND and 2 or 1
end

local function each(key, high, visit)
  local from = 0
  repeat
    local ids = call('ZRANGEBYSCORE', key, '-inf', high, 'LIMIT', from, PAGE)
    for _, t in ipairs(load_all(ids)) do
      visit(t)
    end
    from = from + #ids
  until #ids < PAGE or from >= LOOKED_AT
  return math.max(0, call('ZCOUNT', key, '-inf', high) - from)
end

local behind = call('ZCOUNT', READY, whole(BACKGROUND * SPAN), '+inf')
local ready = { call('ZCARD', READY) - behind, behind }
local leased, due, oldest = { 0, 0 }, { 0, 0 }, { -1, -1 }
local workers, known = {}, {}
local rest = each(LEASES, '+inf', function(t)
  leased[kind(t)] = leased[kind(t)] + 1
  if not known[t.worker] then
    known[t.worker] = true
    workers[#workers + 1] = t.worker
  end
end)
leased[1] = leased[1] + rest
rest = each(DELAYED, whole(now + tonumber(ARGV[2])), function(t)
  due[kind(t)] = due[kind(t)] + 1
end)
due[1] = due[1] + rest
for _, t in ipairs(load_all(call('ZRANGE', SINCE, 0, PAGE - 1))) do
  if oldest[kind(t)] < 0 then
    oldest[kind(t)] = math.max(0, now - t.at)
  end
end

local answer = {}
for i = 1, 2 do
  for _, figures in ipairs({ ready, leased, due, oldest }) do
    answer[#answer + 1] = figures[i]
  end
end
for _, worker in ipairs(workers) do
  answer[#answer + 1] = worker
end
return answer
