-- ARGV: now, id. Answers 0 unknown, 1 removed, 2 requested of the worker that has it.
local t = load(ARGV[2])
if not t then
  return 0
end
if t.state == 'l' then
  -- As long as before, and HSET would be refused on a Redis that is full: out and in again.
  t.cancel = '1'
  call('HDEL', TASKS, t.id)
  call('HSET', TASKS, t.id, pack(t))
  return 2
end
forget(t)
return 1
