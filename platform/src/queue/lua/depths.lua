-- ARGV: now. Answers ready, delayed, due of them, leased, expired of them, ms the oldest ready task waits
-- (or -1), then band, tasks of each band that has some.
local oldest = call('ZRANGE', SINCE, 0, 0, 'WITHSCORES')[2]
local answer = {
  call('ZCARD', READY),
  call('ZCARD', DELAYED), call('ZCOUNT', DELAYED, '-inf', whole(now)),
  call('ZCARD', LEASES), call('ZCOUNT', LEASES, '-inf', whole(now)),
  oldest and math.max(0, now - tonumber(oldest)) or -1,
}
local low = 0
while true do
  local head = call('ZRANGEBYSCORE', READY, whole(low), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[2] then
    break
  end
  local band = math.floor(tonumber(head[2]) / SPAN)
  low = (band + 1) * SPAN
  answer[#answer + 1] = band
  answer[#answer + 1] = call('ZCOUNT', READY, whole(band * SPAN), '(' .. whole(low))
end
return answer
