-- ARGV: now, ids. Says what disagrees: of these tasks, and of the totals. If every record is found where
-- it says, and the totals agree, then nothing else can be in the sets.
local wrong = {}
local function expect(fact, ...)
  if not fact then
    wrong[#wrong + 1] = fmt(...)
  end
end
for i = 2, #ARGV do
  local id = ARGV[i]
  local text = call('HGET', TASKS, id)
  if text then
    local t = parse(id, text)
    expect(t, 'task %s: record cannot be read: %s', id, text)
    if t then
      local ready, since = call('ZSCORE', READY, id), call('ZSCORE', SINCE, id)
      local delayed, leased = call('ZSCORE', DELAYED, id), call('ZSCORE', LEASES, id)
      expect((ready ~= false) == (t.state == 'r'), 'task %s: state %s, in the ready set: %s', id, t.state, tostring(ready))
      expect((since ~= false) == (t.state == 'r'), 'task %s: state %s, waits since: %s', id, t.state, tostring(since))
      expect((delayed ~= false) == (t.state == 'd'), 'task %s: state %s, in the delayed set: %s', id, t.state, tostring(delayed))
      expect((leased ~= false) == (t.state == 'l'), 'task %s: state %s, in the leases: %s', id, t.state, tostring(leased))
      if t.state == 'r' then
        expect(ready and whole(tonumber(ready)) == score(t), 'task %s: score %s, should be %s', id, tostring(ready), score(t))
        expect(since and tonumber(since) == t.at, 'task %s: waits since %s, should be %s', id, tostring(since), whole(t.at))
        expect(call('ZSCORE', LANES, lane_member(t)), 'task %s: not in its lane', id)
      end
    end
  end
end
local ready, delayed, leased = call('ZCARD', READY), call('ZCARD', DELAYED), call('ZCARD', LEASES)
local records, lanes, since = call('HLEN', TASKS), call('ZCARD', LANES), call('ZCARD', SINCE)
expect(records == ready + delayed + leased, '%d records, but %d ready, %d delayed, %d leased', records, ready, delayed, leased)
expect(lanes == ready, '%d ready, but %d in lanes', ready, lanes)
expect(since == ready, '%d ready, but %d waiting since some time', ready, since)
for _, band in ipairs(call('HKEYS', VIRTUAL)) do
  expect(not band_is_empty(band), 'priority %d has a history but no tasks', 100 - tonumber(band))
end
expect(call('LLEN', WAKE) <= WAKES, '%d wake-ups, more than %d', call('LLEN', WAKE), WAKES)
return wrong
