-- Functions that change one entry.

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
