-- ARGV: now, then id, tenant, band of each. Answers with the number of tasks ahead of each.
local ids, list = {}, {}
for i = 2, #ARGV, 3 do
  ids[#ids + 1] = ARGV[i]
end
local known = call('HMGET', TASKS, unpack(ids))
local seen = {}
for i, id in ipairs(ids) do
  if not known[i] and not seen[id] then
    seen[id] = true
    local k = 3 * i - 1
    list[#list + 1] = { id = id, tenant = ARGV[k + 1], band = ARGV[k + 2], at = now, cancel = '0' }
  end
end
make_ready(list, false)
wake(#list)
local ahead = {}
for i, id in ipairs(ids) do
  local rank = call('ZRANK', READY, id)
  if not rank then
    -- Leased: nothing is ahead of it. Delayed: everything is.
    rank = string.sub(known[i], 1, 1) == 'd' and call('ZCARD', READY) or 0
  end
  ahead[i] = rank
end
return ahead
