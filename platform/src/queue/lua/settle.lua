-- ARGV: now, what (acknowledge, retry, release), id, token, delay (ms). Answers 1 if the token holds the
-- lease, else 0 and nothing is changed.
local what = ARGV[2]
local t = held(ARGV[3], ARGV[4])
if not t then
  return 0
end
if what == 'acknowledge' then
  forget(t)
  return 1
end
call('ZREM', LEASES, t.id)
t.at = now
if what == 'retry' and t.cancel == '0' then
  t.state, t.tag, t.token, t.worker = 'd', '0', '-', '-'
  call('HSET', TASKS, t.id, pack(t))
  call('ZADD', DELAYED, whole(now + tonumber(ARGV[5])), t.id)
  if call('ZRANK', DELAYED, t.id) == 0 then
    -- Sooner than all others: whoever is idle has to learn of it.
    wake(1)
  end
else
  -- Handed back, or cancelled: the next worker learns of the cancellation at its claim.
  make_ready({ t }, true)
  wake(1)
end
return 1
