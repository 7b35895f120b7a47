-- ARGV: now, ids. Answers state, number of each: r and tasks ahead, d and ms until due, l and 0, u and 0.
local answer = {}
for i = 2, #ARGV do
  local t = load(ARGV[i])
  local number = 0
  if t and t.state == 'r' then
    number = call('ZRANK', READY, t.id) or 0
  elseif t and t.state == 'd' then
    number = math.max(0, tonumber(call('ZSCORE', DELAYED, t.id) or now) - now)
  end
  answer[#answer + 1] = t and t.state or 'u'
  answer[#answer + 1] = number
end
return answer
