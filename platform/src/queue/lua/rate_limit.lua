-- KEYS: the counter. ARGV: cost, limit, window (ms). Answers {allowed, used, ms until the window ends}.
local cost, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if cost > 0 and used + cost > limit then
  return { 0, used, math.max(0, left) }
end
if cost > 0 then
  used = redis.call('INCRBY', KEYS[1], ARGV[1])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    left = window
  end
end
return { 1, used, math.max(0, left) }
