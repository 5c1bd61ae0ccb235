local id = redis.call('HGET', KEYS[1], ARGV[1])
if not id then return false end
local e, h = keys_of(id)
local found = read(e, h, ARGV[2] == 'head', tonumber(ARGV[3]))
return found and {id, unpack(found)}
