-- Sets the side of an entry if it is still the one asked for.
local body, created, start, side = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local length, beside = look(KEYS[1], KEYS[2])
if length == 0 then return 0 end
if beside then
  if beside[2] ~= body or beside[3] ~= created then return 0 end
  redis.call('HSET', KEYS[2], 'side', side)
  return 1
end
local sealed = start == 0
local tail = redis.call('GETRANGE', KEYS[1], start + body, sealed and -9 or -1)
if string.sub(tail, 1, 15) ~= ', "namespace": ' then return 0 end
if not string.find(tail, ', "created_at": ' .. created .. ', ', 1, true) then return 0 end
redis.call('HSET', KEYS[2], 'len', length, 'body', body, 'created', created, 'at', start + body, 'tail', tail, 'side', side)
local left = redis.call('PTTL', KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) else redis.call('PERSIST', KEYS[2]) end
return 1
