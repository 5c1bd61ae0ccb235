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
