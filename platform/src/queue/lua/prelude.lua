-- Stands before every script of the queue. The module's documentation (../mod.rs) says what the
-- keys hold; all scripts are given the same eight, in this order.
local READY, DELAYED, LEASES, TASKS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local LANES, SINCE, VIRTUAL, WAKE = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local call, fmt = redis.call, string.format

-- 2^45 tags to a band: 101 bands then stay below 2^53, where doubles stop being exact.
local SPAN = 35184372088832
-- A band's first tag, 2^40: below it there is room for what is put ahead of others.
local BASE = 1099511627776
-- Wake-ups kept at most: enough to rouse 64 processes at once, and claims pass the word on.
local WAKES = 64
-- Nothing is scheduled further ahead than this (ms, one hour; Rust refuses it). What is found there
-- was left by a clock that has since gone back.
local HORIZON = 3600000

-- The server's clock, in ms. Tests pin it; everybody else passes nothing.
local now
if ARGV[1] == '' then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end

-- All times and tags go through this: tostring() rounds to 14 digits.
local function whole(number)
  return fmt('%.0f', number)
end

-- A task's record. Widths are fixed where members of LANES are made of them.
local function parse(id, text)
  if not text then
    return nil
  end
  local state, tenant, band, tag, at, cancel, token, worker =
    string.match(text, '^([rdl]) (%S+) (%d%d%d) (%d+) (%-?%d+) ([01]) (%S+) (%S+)$')
  if not state then
    return nil
  end
  return { id = id, state = state, tenant = tenant, band = band, tag = tag,
    at = tonumber(at), cancel = cancel, token = token, worker = worker }
end

local function pack(t)
  return table.concat({ t.state, t.tenant, t.band, t.tag, whole(t.at), t.cancel, t.token, t.worker }, ' ')
end

-- A record that cannot be read is dropped: the task is then unknown, and the reconciler brings it back.
local function read(id, text)
  local t = parse(id, text)
  if text and not t then
    call('HDEL', TASKS, id)
  end
  return t
end

local function load(id)
  return read(id, call('HGET', TASKS, id))
end

-- The records of these ids, without those that have none.
local function load_all(ids)
  local found = {}
  if #ids > 0 then
    local texts = call('HMGET', TASKS, unpack(ids))
    for i, id in ipairs(ids) do
      found[#found + 1] = read(id, texts[i])
    end
  end
  return found
end

local function lane_member(t)
  return t.band .. t.tenant .. t.tag .. t.id
end

local function score(t)
  return whole(tonumber(t.band) * SPAN + tonumber(t.tag))
end

-- The tag of a tenant's first (command ZRANGEBYLEX) or last ready task of a band.
local function edge_tag(lane, command)
  local low, high = '[' .. lane, '(' .. lane .. '\255'
  if command == 'ZREVRANGEBYLEX' then
    low, high = high, low
  end
  local member = call(command, LANES, low, high, 'LIMIT', 0, 1)[1]
  return member and tonumber(string.sub(member, 24, 39))
end

-- Start-time fair queueing. At the back: one behind the tenant's last or, if it has none, behind what
-- the band has come to. At the front: before all of the tenant's own, and level with what the band
-- has come to, for it has been charged for already.
local function next_tag(virtual, edge, front)
  local tag
  if front then
    tag = edge and math.min(virtual, edge - 1) or virtual
  else
    tag = math.max(virtual, edge or 0) + 1
  end
  return math.max(0, math.min(tag, SPAN - 1))
end

-- Makes tasks ready. Each brings its `at`: since when it waits. The record is written first: on a
-- Redis that is full, that is where a script which has not yet written anything is refused.
local function make_ready(list, front)
  if #list == 0 then
    return
  end
  local command = front and 'ZRANGEBYLEX' or 'ZREVRANGEBYLEX'
  local virtuals, edges = {}, {}
  local records, scores, lanes, since = {}, {}, {}, {}
  for i = 1, #list do
    -- What is put in front goes in backwards, so that the first ends up first.
    local t = front and list[#list + 1 - i] or list[i]
    local lane = t.band .. t.tenant
    if not virtuals[t.band] then
      virtuals[t.band] = tonumber(call('HGET', VIRTUAL, t.band) or BASE)
    end
    local tag = next_tag(virtuals[t.band], edges[lane] or edge_tag(lane, command), front)
    edges[lane] = tag
    t.state, t.tag, t.token, t.worker = 'r', fmt('%016.0f', tag), '-', '-'
    local k = 2 * i - 1
    records[k], records[k + 1] = t.id, pack(t)
    scores[k], scores[k + 1] = score(t), t.id
    lanes[k], lanes[k + 1] = '0', lane_member(t)
    since[k], since[k + 1] = whole(t.at), t.id
  end
  call('HSET', TASKS, unpack(records))
  call('ZADD', READY, unpack(scores))
  call('ZADD', LANES, unpack(lanes))
  call('ZADD', SINCE, unpack(since))
end

local function band_is_empty(band)
  local low = tonumber(band) * SPAN
  return call('ZCOUNT', READY, whole(low), '(' .. whole(low + SPAN)) == 0
end

-- Takes a task out of wherever it is; its record goes too.
local function forget(t)
  if t.state == 'r' then
    call('ZREM', READY, t.id)
    call('ZREM', LANES, lane_member(t))
    call('ZREM', SINCE, t.id)
    if band_is_empty(t.band) then
      call('HDEL', VIRTUAL, t.band)
    end
  elseif t.state == 'd' then
    call('ZREM', DELAYED, t.id)
  else
    call('ZREM', LEASES, t.id)
  end
  call('HDEL', TASKS, t.id)
end

-- The record, if this token holds the lease.
local function held(id, token)
  local t = load(id)
  if t and t.state == 'l' and t.token == token then
    return t
  end
end

-- Leaves word for up to `count` idle processes.
local function wake(count)
  local room = math.min(count, WAKES - call('LLEN', WAKE))
  if room > 0 then
    local words = {}
    for i = 1, room do
      words[i] = '1'
    end
    call('LPUSH', WAKE, unpack(words))
  end
end
