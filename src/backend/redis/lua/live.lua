-- Those of the ids whose entries are live; entries that are gone are struck off.
local now, live = ARGV[1], {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local e = keys_of(id)
  if redis.call('EXISTS', e) == 0 then
    forget(id)
  elseif lives(id, redis.call('TYPE', e).ok == 'string' and redis.call('STRLEN', e) or -1, now) then
    live[#live + 1] = id
  end
end
return live
