-- ARGV: now, ids. Answers with how many there were.
local count = 0
for i = 2, #ARGV do
  local t = load(ARGV[i])
  if t then
    forget(t)
    count = count + 1
  end
end
return count
