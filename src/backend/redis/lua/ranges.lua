-- Parts of a body, if it is still that of the entry asked for. Where nothing stands beside the entry, its
-- tail comes first, for the caller to look whether it is the one.
local body, created, start = ARGV[1], ARGV[2], tonumber(ARGV[3])
local length, beside = look(KEYS[1], KEYS[2])
if length == 0 or (beside and (beside[2] ~= body or beside[3] ~= created)) then return false end
local parts = {beside and '' or redis.call('GETRANGE', KEYS[1], start + body, -1)}
for i = 4, #ARGV, 2 do parts[#parts + 1] = redis.call('GETRANGE', KEYS[1], ARGV[i], ARGV[i + 1]) end
return parts
