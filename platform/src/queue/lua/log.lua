-- KEYS: the stream. ARGV: entries kept, ms until it expires, then task, purl, version, level and
-- text of each entry. Answers with how many were added.
local added = 0
for i = 3, #ARGV, 5 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'task', ARGV[i], 'purl', ARGV[i + 1],
    'version', ARGV[i + 2], 'level', ARGV[i + 3], 'text', ARGV[i + 4])
  added = added + 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return added
