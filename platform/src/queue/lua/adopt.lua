-- ARGV: now, id, tenant, band, token, worker, lease (ms). Answers 1 if the token now holds the lease.
local t = load(ARGV[2])
if t then
  return t.state == 'l' and t.token == ARGV[5] and 1 or 0
end
t = { id = ARGV[2], state = 'l', tenant = ARGV[3], band = ARGV[4], tag = '0', at = now, cancel = '0',
  token = ARGV[5], worker = ARGV[6] }
call('HSET', TASKS, t.id, pack(t))
call('ZADD', LEASES, whole(now + tonumber(ARGV[7])), t.id)
return 1
