-- Functions over the index; all its keys lie in one slot.
local INDEX = 'mcp-refcache:{index}:'
local KNOWN, ENDS = INDEX .. 'known', INDEX .. 'ends'

local function cache_of(id) return string.match(id, '^([^:]*):') or '' end

-- {namespace, size, where `expires_at` stands, key of its name, namespace of its name}
local function known(id)
  local packed = redis.call('HGET', KNOWN, id)
  return packed and cmsgpack.unpack(packed)
end

local function unname(id, own)
  if own[4] ~= '' and redis.call('HGET', own[4], own[5]) == id then
    redis.call('HDEL', own[4], own[5])
  end
end

-- Strikes an entry off.
local function forget(id)
  local own = known(id)
  if not own then return end
  local cache = cache_of(id)
  redis.call('HDEL', KNOWN, id)
  redis.call('ZREM', ENDS, id)
  redis.call('ZREM', INDEX .. 'of:' .. cache, id)
  redis.call('ZREM', INDEX .. 'in:' .. cache .. ':' .. own[1], id)
  redis.call('DECRBY', INDEX .. 'bytes', own[2])
  unname(id, own)
end

-- Whether an entry that is there, with this many bytes, is still live by the time handed in.
local function lives(id, length, now)
  if length == 0 then return false end
  local ends = redis.call('ZSCORE', ENDS, id)
  if not ends or tonumber(ends) > tonumber(now) then return true end
  local own = known(id)
  return not own or own[2] ~= length
end

-- Whether nobody has taken a lease over since this token was given; `last` holds its last token.
local function admits(last, token)
  return last == '' or tonumber(redis.call('GET', last) or 0) <= tonumber(token)
end

-- Enters an entry under its namespace and, if it may have it, its name. Returns the id that had the name
-- until now; what is known of that still says the name, which does not lead there any more.
local function enter(id, namespace, size, at, created, ends, name, space, last, token)
  local cache = cache_of(id)
  local own, former = known(id), false
  local held = {'', ''}
  if own then
    if own[1] ~= namespace then redis.call('ZREM', INDEX .. 'in:' .. cache .. ':' .. own[1], id) end
    if ends == '' then redis.call('ZREM', ENDS, id) end
    held = {own[4], own[5]}
  end
  if name ~= '' and admits(last, token) then
    if own and (own[4] ~= name or own[5] ~= space) then unname(id, own) end
    former = redis.call('HGET', name, space)
    if former ~= id then redis.call('HSET', name, space, id) else former = false end
    held = {name, space}
  end
  redis.call('HSET', KNOWN, id, cmsgpack.pack({namespace, size, at, held[1], held[2]}))
  redis.call('ZADD', INDEX .. 'of:' .. cache, created, id)
  redis.call('ZADD', INDEX .. 'in:' .. cache .. ':' .. namespace, created, id)
  if ends ~= '' then redis.call('ZADD', ENDS, ends, id) end
  redis.call('SADD', INDEX .. 'caches', cache)
  redis.call('INCRBY', INDEX .. 'bytes', size - (own and own[2] or 0))
  return former
end

-- Whether an entry ends after this moment, or never.
local function outlives(id, till)
  local ends = redis.call('ZSCORE', ENDS, id)
  return not ends or tonumber(ends) > tonumber(till)
end

-- Notes the new size and end of an entry that was retired.
local function settle(id, size, till)
  local own = known(id)
  if not own then return end
  if size == 0 then return forget(id) end
  redis.call('INCRBY', INDEX .. 'bytes', size - own[2])
  own[2] = size
  redis.call('HSET', KNOWN, id, cmsgpack.pack(own))
  if outlives(id, till) then redis.call('ZADD', ENDS, till, id) end
end

-- The entry that was written first, but not this one.
local function oldest(spared)
  local found, when
  for _, cache in ipairs(redis.call('SMEMBERS', INDEX .. 'caches')) do
    local first = redis.call('ZRANGE', INDEX .. 'of:' .. cache, 0, 1, 'WITHSCORES')
    for i = 1, #first, 2 do
      local moment = tonumber(first[i + 1])
      if first[i] ~= spared and (not when or moment < when) then found, when = first[i], moment end
    end
  end
  return found
end

-- Strikes off a few that have ended, and what is beyond the limits (0 = none): ended ones first, then the
-- oldest; a thousand at a time, so that the server is not kept busy for long where a limit was lowered. Returns the ids,
-- whose entries must go.
local function make_room(now, spared, most_entries, most_bytes)
  local struck = {}
  local function strike(id)
    forget(id)
    struck[#struck + 1] = id
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, 16)) do
    if id ~= spared then strike(id) end
  end
  while #struck < 1000 and ((most_entries > 0 and redis.call('HLEN', KNOWN) > most_entries)
    or (most_bytes > 0 and tonumber(redis.call('GET', INDEX .. 'bytes')) > most_bytes)) do
    local ended = redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, 2)
    local id = ended[1] ~= spared and ended[1] or ended[2] or oldest(spared)
    if not id then break end
    strike(id)
  end
  return struck
end
