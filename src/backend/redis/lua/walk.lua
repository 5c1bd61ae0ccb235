-- One step of a walk over all keys: where to go on, and ids under the prefix that the index does not know.
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', ARGV[3])
local unknown = {page[1]}
for _, key in ipairs(page[2]) do
  local id = string.sub(key, #ARGV[2] + 1)
  if redis.call('HEXISTS', KNOWN, id) == 0 then unknown[#unknown + 1] = id end
end
return unknown
