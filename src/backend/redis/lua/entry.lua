-- Functions over one entry (e) and what stands beside it (h); both lie in one slot.

-- Their keys, as `keys.rs` says them. Only where there are no slots: a Cluster must be told all keys.
local function keys_of(id)
  local e = 'mcp-refcache:entry:' .. id
  if string.find(id, '^[^{]*{[^}]+}') then return e, 'mcp-refcache:side:' .. id end
  return e, 'mcp-refcache:side:{' .. e .. '}'
end

-- Length of the entry, and {len, body, created, at, tail, side} from beside it if they belong to it. The
-- original replaces entries without knowing of them, so the tail (at `at`, with the moment of writing in it)
-- is compared as well as the length.
local function look(e, h)
  local length = redis.call('STRLEN', e)
  local beside = redis.call('HMGET', h, 'len', 'body', 'created', 'at', 'tail', 'side')
  if beside[1] ~= string.format('%d', length)
    or redis.call('GETRANGE', e, beside[4], beside[4] + #beside[5] - 1) ~= beside[5] then
    beside = false
  end
  return length, beside
end

-- {text or false, length of the body, where the tail begins, tail, side}
local function read(e, h, head_only, small)
  local length, beside = look(e, h)
  if length == 0 then return false end
  if not beside then return {redis.call('GET', e), false, false, false, false} end
  if head_only and tonumber(beside[2]) > small then
    return {false, beside[2], beside[4], beside[5], beside[6]}
  end
  return {redis.call('GET', e), beside[2], false, false, beside[6]}
end

-- An empty text: the entry of this size was set just before.
local function store(e, h, text, size, px, beside)
  if text ~= '' then
    if px == '' then redis.call('SET', e, text) else redis.call('SET', e, text, 'PX', px) end
  end
  redis.call('DEL', h)
  if beside then
    redis.call('HSET', h, 'len', size, unpack(beside))
    if px ~= '' then redis.call('PEXPIRE', h, px) end
  end
end

-- Lets an entry end at `till`, in `px` ms, if that is earlier; the text says so too. `at` is where the
-- number stands in an entry of `size` bytes. Returns its size afterwards, 0 if it is gone.
local function retire(e, h, at, size, till, px)
  local length, beside = look(e, h)
  if length == 0 then return 0 end
  if length == size and at >= 0 then
    local number, rest = string.match(redis.call('GETRANGE', e, at, -1), '^([^,]*)(.*)$')
    if number ~= 'null' and tonumber(number) <= tonumber(till) then return length end
    local pad = string.rep(' ', #number - #till)
    local sealed = redis.call('GETRANGE', e, 0, 7) == '!rcseal1'
    if sealed then
      local tail = tonumber(string.sub(rest, -8), 16) + #till - #number + #pad
      rest = string.sub(rest, 1, -9) .. pad .. string.format('%08x', tail)
    else
      rest = rest .. pad
    end
    length = redis.call('SETRANGE', e, at, till .. rest)
    if beside then
      local tail = redis.call('GETRANGE', e, beside[4], sealed and -9 or -1)
      redis.call('HSET', h, 'len', length, 'tail', tail)
    end
  end
  local left = redis.call('PTTL', e)
  if left < 0 or left > tonumber(px) then
    redis.call('PEXPIRE', e, px)
    redis.call('PEXPIRE', h, px)
  end
  return length
end
