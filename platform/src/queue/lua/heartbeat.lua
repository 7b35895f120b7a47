-- ARGV: now, lease (ms), then id, token of each. Answers 0 lost, 1 held, 2 held but cancelled.
local lease = tonumber(ARGV[2])
local beats = {}
for i = 3, #ARGV, 2 do
  local t = held(ARGV[i], ARGV[i + 1])
  if t then
    -- Out and in again: see the first lines of claim.lua.
    call('ZREM', LEASES, t.id)
    call('ZADD', LEASES, whole(now + lease), t.id)
  end
  beats[#beats + 1] = not t and 0 or 1 + tonumber(t.cancel)
end
return beats
